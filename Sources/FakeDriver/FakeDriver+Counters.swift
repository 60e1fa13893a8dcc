// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel

extension FakeDriver: DiagnosingDriver {
    public func diagnostics(_ instance: Instance) async throws -> JSONObject {
        try await perform(.diagnostics, on: instance.id) { state throws(ComputeFault) in
            Self.diagnostics(of: try state.guest(instance.id)).novaKeys
        }
    }

    public func instanceDiagnostics(_ instance: Instance) async throws -> InstanceDiagnostics {
        try await perform(.instanceDiagnostics, on: instance.id) { state throws(ComputeFault) in
            Self.diagnostics(of: try state.guest(instance.id))
        }
    }

    private static func diagnostics(of guest: FakeGuest) -> InstanceDiagnostics {
        InstanceDiagnostics(
            powerState: guest.powerState, uptime: guest.isOn ? .seconds(60) : nil, memory: guest.memory,
            cpuTimes: guest.isOn ? Array(repeating: .seconds(1), count: guest.vcpus) : [],
            disks: guest.diskNames.map { .fake($0) }, interfaces: guest.interfaceNames.map { .fake($0) })
    }
}

extension FakeDriver: DeviceCountingDriver {
    public func blockCounters(of instance: Instance, disk: String) async throws -> BlockCounters {
        try await perform(.blockCounters, on: instance.id) { state throws(ComputeFault) in
            guard try state.guest(instance.id).diskNames.contains(disk) else {
                throw ComputeFault.invalid("The guest has no disk \(disk).", instance: instance.id)
            }
            return .fake(disk)
        }
    }

    public func interfaceCounters(of instance: Instance, interface: String) async throws -> InterfaceCounters {
        try await perform(.interfaceCounters, on: instance.id) { state throws(ComputeFault) in
            guard try state.guest(instance.id).interfaceNames.contains(interface) else {
                throw ComputeFault.invalid("The guest has no interface \(interface).", instance: instance.id)
            }
            return .fake(interface)
        }
    }
}

extension FakeDriver: BandwidthReportingDriver {
    public func bandwidth(of instances: [Instance]) async throws -> [InterfaceUsage] {
        try await perform(.bandwidth) { state in
            instances.compactMap { state.guests[$0.id] }.filter(\.isOn).flatMap { guest in
                guest.macAddresses.map { address in
                    InterfaceUsage(instance: guest.id, macAddress: address, received: guest.received, sent: guest.sent)
                }
            }
        }
    }
}

extension FakeGuest {
    /// `vda`, and each volume's.
    fileprivate var diskNames: [String] {
        ["vda"] + volumes.map { String($0.deviceName.dropFirst("/dev/".count)) }
    }

    /// On the host.
    fileprivate var interfaceNames: [String] { interfaces.indices.map { "vnet\($0)" } }
}

extension BlockCounters {
    static func fake(_ device: String) -> BlockCounters {
        BlockCounters(
            device: device, readRequests: 1, read: .kib(4), writeRequests: 1, written: .kib(4), errors: 0)
    }
}

extension InterfaceCounters {
    static func fake(_ device: String) -> InterfaceCounters {
        InterfaceCounters(
            device: device, received: .kib(4), receivedPackets: 4, receiveErrors: 0, receiveDrops: 0, sent: .kib(2),
            sentPackets: 2, sendErrors: 0, sendDrops: 0)
    }
}

extension InstanceDiagnostics {
    /// By the keys that nova's libvirt driver uses.
    fileprivate var novaKeys: JSONObject {
        var keys = JSONObject()
        for (number, time) in cpuTimes.enumerated() {
            keys["cpu\(number)_time"] = JSONValue(Int(time / .nanoseconds(1)))
        }
        for disk in disks {
            keys["\(disk.device)_read_req"] = JSONValue(Int(disk.readRequests))
            keys["\(disk.device)_read"] = JSONValue(Int(disk.read.bytes))
            keys["\(disk.device)_write_req"] = JSONValue(Int(disk.writeRequests))
            keys["\(disk.device)_write"] = JSONValue(Int(disk.written.bytes))
            keys["\(disk.device)_errors"] = JSONValue(Int(disk.errors))
        }
        for interface in interfaces {
            keys["\(interface.device)_rx"] = JSONValue(Int(interface.received.bytes))
            keys["\(interface.device)_rx_packets"] = JSONValue(Int(interface.receivedPackets))
            keys["\(interface.device)_tx"] = JSONValue(Int(interface.sent.bytes))
            keys["\(interface.device)_tx_packets"] = JSONValue(Int(interface.sentPackets))
        }
        keys["memory"] = JSONValue(Int(memory.kib))
        return keys
    }
}
