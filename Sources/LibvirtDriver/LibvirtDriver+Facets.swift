// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel
internal import Libvirt

extension LibvirtDriver: ConsoleOutputDriver {
    public func consoleOutput(_ instance: Instance) async throws -> [UInt8] {
        let directory = directory(instance.id)
        let (exists, output) = try await host.files.run("read the console log") { () throws(ComputeFault) in
            (directory.exists, try directory.consoleTail())
        }
        // Without files it may still be a guest that somebody else made, or none at all.
        if !exists { _ = try await info(instance.id) }
        return output
    }
}

extension LibvirtDriver: HostUptimeDriver {
    public func hostUptime() async throws -> String {
        try await host.files.run("read the uptime") { () throws(ComputeFault) in
            let outcome = Subprocess(program: "uptime", arguments: []).run(within: .seconds(10))
            return outcome.ending == .exit(0) && !outcome.output.isEmpty ? outcome.output : HostFigures.uptimeLine()
        }
    }
}

extension LibvirtDriver: LifecycleEventDriver {
    public func lifecycleEvents() -> AsyncStream<LifecycleEvent> { host.broadcast.stream() }
}

extension LibvirtDriver: GuestWatchingDriver {
    public var unresponsiveGuests: Set<InstanceID> {
        Set(host.supervisor.lanes.overdue.guests.compactMap { InstanceID($0) })
    }
}
