// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
internal import ComputeModel
internal import Libvirt
internal import XML

extension LibvirtDriver: HostStatisticsDriver {
    public func hostStatistics() async throws -> HostStatistics {
        let resources = try await hostResources()
        let text = try await host.withConnection { connection throws(LibvirtError) in
            try await connection.capabilities()
        }
        let capabilities: XMLElement
        do throws(XMLError) { capabilities = try XMLElement(parsing: text) } catch {
            throw ComputeFault(.hypervisorFailure, "libvirt's account of its host can't be read.")
        }
        let path = configuration.instancesPath
        let (free, promised) = try await host.files.run("read the instances' disks") { () throws(ComputeFault) in
            (HostFigures.freeBytes(of: path) ?? 0, InstanceDirectory.promisedBytes(in: path))
        }
        return HostStatistics(
            resources: resources, memoryFree: max(.zero, resources.memory - resources.memoryUsed),
            diskAvailable: ByteCount(bytes: max(0, free - promised)),
            cpuInfo: Self.cpuInfo(capabilities), supportedInstances: Self.supportedInstances(capabilities))
    }

    public func hostCPUTimes() async throws -> HostCPUTimes {
        let (times, node) = try await host.withConnection { connection throws(LibvirtError) in
            (try await connection.cpuTimes(), try await connection.nodeInfo())
        }
        func duration(_ nanoseconds: UInt64) -> Duration { .nanoseconds(Int64(clamping: nanoseconds)) }
        return HostCPUTimes(
            kernel: duration(times.kernel), user: duration(times.user), idle: duration(times.idle),
            ioWait: duration(times.ioWait), megahertz: node.megahertz)
    }

    /// Nova's `cpu_info`; a host whose model libvirt does not know has null for it.
    static func cpuInfo(_ capabilities: XMLElement) -> JSONObject {
        let cpu = capabilities.first("host/cpu")
        var topology: JSONObject = [:]
        for key in ["cores", "threads", "sockets"] {
            topology[key] = JSONValue(cpu?.first("topology")?[key].flatMap { Int($0) })
        }
        return [
            "arch": JSONValue(cpu?.first("arch")?.text), "model": JSONValue(cpu?.first("model")?.text),
            "vendor": JSONValue(cpu?.first("vendor")?.text), "topology": .object(topology),
            "features": .array((cpu?.all("feature") ?? []).compactMap { $0["name"].map { .string($0) } }),
        ]
    }

    static func supportedInstances(_ capabilities: XMLElement) -> [SupportedInstance] {
        capabilities.all("guest").flatMap { guest -> [SupportedInstance] in
            guard let architecture = guest.first("arch"), let name = architecture["name"],
                let mode = guest.first("os_type")?.text
            else { return [] }
            return architecture.all("domain").compactMap { $0["type"] }.map {
                SupportedInstance(architecture: name, hypervisor: $0, mode: mode)
            }
        }
    }
}

extension LibvirtDriver: HostAddressDriver {
    public func hostAddress() async throws -> String { configuration.address }
}
