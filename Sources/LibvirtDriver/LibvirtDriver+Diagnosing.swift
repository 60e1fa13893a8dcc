// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel
internal import Libvirt

extension LibvirtDriver: DiagnosingDriver {
    public func diagnostics(_ instance: Instance) async throws -> JSONObject {
        let counters = try await counters(instance.id).counters
        var answer: JSONObject = [:]
        func put(_ key: String, _ number: some BinaryInteger) { answer[key] = .number(JSONNumber(number)) }
        for (index, time) in counters.cpuTimes.enumerated() { put("cpu\(index)_time", time) }
        for disk in counters.disks {
            put("\(disk.device)_read_req", disk.readRequests)
            put("\(disk.device)_read", disk.readBytes)
            put("\(disk.device)_write_req", disk.writeRequests)
            put("\(disk.device)_write", disk.writtenBytes)
            put("\(disk.device)_errors", disk.errors)
        }
        for interface in counters.interfaces {
            put("\(interface.device)_rx", interface.receivedBytes)
            put("\(interface.device)_rx_packets", interface.receivedPackets)
            put("\(interface.device)_rx_errors", interface.receiveErrors)
            put("\(interface.device)_rx_drop", interface.receiveDrops)
            put("\(interface.device)_tx", interface.sentBytes)
            put("\(interface.device)_tx_packets", interface.sentPackets)
            put("\(interface.device)_tx_errors", interface.sendErrors)
            put("\(interface.device)_tx_drop", interface.sendDrops)
        }
        put("memory", counters.maximumMemoryKiB)
        for figure in counters.memory { put("memory-\(figure.name)", figure.value) }
        return answer
    }

    public func instanceDiagnostics(_ instance: Instance) async throws -> InstanceDiagnostics {
        let (state, counters, _) = try await counters(instance.id)
        return InstanceDiagnostics(
            powerState: PowerState(state), uptime: nil, memory: .kib(Int64(clamping: counters.maximumMemoryKiB)),
            cpuTimes: counters.cpuTimes.map { .nanoseconds(Int64(clamping: $0)) },
            disks: counters.disks.map { BlockCounters($0) },
            interfaces: counters.interfaces.map { InterfaceCounters($0) })
    }
}

extension LibvirtDriver {
    /// The counters of all of a guest's disks and interfaces, with the document that names them.
    func counters(
        _ id: InstanceID
    ) async throws -> (state: DomainState, counters: DomainCounters, document: DomainDocument) {
        let domain = try await domain(id)
        let document = try await document(domain, id)
        return try await host.withConnection(for: id) { _ throws(LibvirtError) in
            let counters = try await domain.counters(
                disks: document.disks.map(\.target), interfaces: document.interfaces.compactMap(\.target))
            return (try await domain.state(), counters, document)
        }
    }
}

extension BlockCounters {
    init(_ disk: DomainCounters.Disk) {
        self.init(
            device: disk.device, readRequests: disk.readRequests, read: ByteCount(bytes: disk.readBytes),
            writeRequests: disk.writeRequests, written: ByteCount(bytes: disk.writtenBytes), errors: disk.errors)
    }
}

extension InterfaceCounters {
    init(_ interface: DomainCounters.Interface) {
        self.init(
            device: interface.device, received: ByteCount(bytes: interface.receivedBytes),
            receivedPackets: interface.receivedPackets, receiveErrors: interface.receiveErrors,
            receiveDrops: interface.receiveDrops, sent: ByteCount(bytes: interface.sentBytes),
            sentPackets: interface.sentPackets, sendErrors: interface.sendErrors, sendDrops: interface.sendDrops)
    }
}
