// SPDX-License-Identifier: Apache-2.0

internal import CLibvirt

/// What a host has (`virNodeGetInfo`).
public struct NodeInfo: Sendable, Hashable {
    public let model: String
    public let memoryKiB: UInt64
    public let cpus: Int
    public let megahertz: Int
}

/// What the host's processors did since its start, in nanoseconds (`virNodeGetCPUStats`).
public struct NodeCPUTimes: Sendable, Hashable {
    public let kernel: UInt64
    public let user: UInt64
    public let idle: UInt64
    public let ioWait: UInt64
}

extension Connection {
    /// The version of the libvirt library in this process: major × 1 000 000 + minor × 1000 + release.
    public static var libraryVersion: UInt { LibvirtLibrary.version }

    /// The name that the hypervisor's host gives itself (`virConnectGetHostname`).
    public func hostname() async throws(LibvirtError) -> String {
        try await call("virConnectGetHostname", isQuestion: true) { takeString(virConnectGetHostname($0)) }
    }

    /// The kind of hypervisor (`QEMU`; `virConnectGetType`).
    public func hypervisorType() async throws(LibvirtError) -> String {
        try await call("virConnectGetType", isQuestion: true) { virConnectGetType($0).map { String(cString: $0) } }
    }

    /// The version of the hypervisor (`virConnectGetVersion`): major × 1 000 000 + minor × 1000 + release.
    public func hypervisorVersion() async throws(LibvirtError) -> UInt {
        try await call("virConnectGetVersion", isQuestion: true) { connection in
            var version: UInt = 0
            return virConnectGetVersion(connection, &version) == 0 ? version : nil
        }
    }

    /// The version of the libvirt on the other side (`virConnectGetLibVersion`), in the same form.
    public func libraryVersion() async throws(LibvirtError) -> UInt {
        try await call("virConnectGetLibVersion", isQuestion: true) { connection in
            var version: UInt = 0
            return virConnectGetLibVersion(connection, &version) == 0 ? version : nil
        }
    }

    /// What the host has (`virNodeGetInfo`).
    public func nodeInfo() async throws(LibvirtError) -> NodeInfo {
        try await call("virNodeGetInfo", isQuestion: true) { connection in
            var info = virNodeInfo()
            guard virNodeGetInfo(connection, &info) == 0 else { return nil }
            let model = withUnsafeBytes(of: info.model) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            return NodeInfo(
                model: model, memoryKiB: UInt64(info.memory), cpus: Int(info.cpus), megahertz: Int(info.mhz))
        }
    }

    /// What the host's hypervisor can do, as XML (`virConnectGetCapabilities`).
    public func capabilities() async throws(LibvirtError) -> String {
        try await call("virConnectGetCapabilities", on: .long) { takeString(virConnectGetCapabilities($0)) }
    }

    /// What the host's processors did since its start (`virNodeGetCPUStats`).
    public func cpuTimes() async throws(LibvirtError) -> NodeCPUTimes {
        try await call("virNodeGetCPUStats", isQuestion: true) { connection in
            let all = Int32(VIR_NODE_CPU_STATS_ALL_CPUS.rawValue)
            var count: Int32 = 0
            guard virNodeGetCPUStats(connection, all, nil, &count, 0) == 0, count > 0 else { return nil }
            var figures = [virNodeCPUStats](repeating: virNodeCPUStats(), count: Int(count))
            guard virNodeGetCPUStats(connection, all, &figures, &count, 0) == 0 else { return nil }
            var times: [String: UInt64] = [:]
            for figure in figures.prefix(Int(count)) {
                let name = withUnsafeBytes(of: figure.field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
                times[name] = figure.value
            }
            return NodeCPUTimes(
                kernel: times["kernel"] ?? 0, user: times["user"] ?? 0, idle: times["idle"] ?? 0,
                ioWait: times["iowait"] ?? 0)
        }
    }
}
