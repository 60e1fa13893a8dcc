// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel
internal import Libvirt
internal import Logging

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibvirtDriver: ComputeDriver {
    public func start() async throws {
        let choice = await virtTypeChoice()
        host.logger.log(
            level: choice.isDoubtful ? .warning : .notice, "virt_type chosen",
            metadata: ["libvirt.virt_type": "\(choice.type)", "reason": "\(choice.reason)"])
        await host.supervisor.attempt()
    }

    public func run() async throws { await host.supervisor.run() }

    public func summary() async -> String {
        let choice = await virtTypeChoice()
        let kind = "guests by \(choice.type) \(choice.reason)"
        do throws(LibvirtError) {
            let connection = try host.supervisor.connection()
            let type = try await connection.hypervisorType()
            let version = Self.spelled(try await connection.hypervisorVersion())
            let library = Self.spelled(try await connection.libraryVersion())
            let access = configuration.isReadOnly ? ", read-only" : ""
            return "\(type) \(version) by libvirt \(library) at \(configuration.uri)\(access); \(kind)"
        } catch {
            return "\(error.message); \(kind)"
        }
    }

    /// libvirt's number form of a version as people write it.
    static func spelled(_ version: UInt) -> String {
        "\(version / 1_000_000).\(version / 1000 % 1000).\(version % 1000)"
    }

    public func instances() async throws -> [InstanceSummary] {
        let records = try await host.withConnection { connection throws(LibvirtError) in
            try await connection.domains()
        }
        // What libvirt says of a guest that does not answer it is what it was.
        let silent = host.supervisor.lanes.overdue.guests
        return records.compactMap { record in
            InstanceID(record.uuid).map {
                InstanceSummary(
                    id: $0, name: record.name,
                    powerState: silent.contains(record.uuid) ? .noState : PowerState(record.state))
            }
        }
    }

    public func info(_ instance: InstanceID) async throws -> InstanceInfo {
        let info = try await host.withConnection(for: instance) { connection throws(LibvirtError) -> DomainInfo? in
            try await connection.domain(uuid: instance.description)?.info()
        }
        guard let info else { throw ComputeFault.instanceNotFound(instance) }
        return InstanceInfo(
            powerState: PowerState(info.state), maximumMemory: .kib(Int64(clamping: info.maximumMemoryKiB)),
            memory: .kib(Int64(clamping: info.memoryKiB)), vcpus: info.vcpus,
            cpuTime: .nanoseconds(Int64(clamping: info.cpuTime)), bootIdentity: info.id.map { String($0) },
            isChanging: info.isChanging)
    }

    public func hostResources() async throws -> HostResources {
        let (node, type, version, hostname, domains) = try await host.withConnection {
            connection throws(LibvirtError) in
            (
                try await connection.nodeInfo(), try await connection.hypervisorType(),
                try await connection.hypervisorVersion(), try await connection.hostname(),
                try await connection.domains(withSizes: true)
            )
        }
        let path = configuration.instancesPath
        let (memory, disk) = try await host.files.run("read the host's figures") { () throws(ComputeFault) in
            (HostFigures.memory(), HostFigures.disk(of: path))
        }
        let running = domains.filter { PowerState($0.state) != .shutdown && PowerState($0.state) != .crashed }
        return HostResources(
            vcpus: node.cpus, vcpusUsed: running.reduce(0) { $0 + ($1.vcpus ?? 0) },
            memory: .kib(Int64(clamping: node.memoryKiB)), memoryUsed: memory?.used ?? .zero,
            disk: disk?.total ?? .zero, diskUsed: disk?.used ?? .zero, hypervisorType: type,
            hypervisorVersion: Int(clamping: version), hypervisorHostname: hostname)
    }

    /// The time of the system's clock.
    public static let systemTime: @Sendable () -> Timestamp = {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Timestamp(microseconds: Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000)
    }
}
