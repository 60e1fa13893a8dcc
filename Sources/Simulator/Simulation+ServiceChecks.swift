// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

extension Simulation {
    /// Holds what the services have at the end against the rows: nothing is held for who is gone, and nothing twice.
    func checkServices(_ rows: [InstanceID: StoredInstance], _ guests: Set<InstanceID>) {
        let books = world.peers
        for id in books.addresses.keys.sorted() where rows[id] == nil && !isElsewhere(id) {
            world.violate(.servicesInStep, "\(id) is gone and still has addresses")
        }
        for (volume, holder) in books.volumes.sorted(by: { $0.key < $1.key }) {
            if rows[holder] == nil, isElsewhere(holder) || isCutOff(holder) { continue }
            guard let row = rows[holder] else {
                world.violate(.servicesInStep, "\(holder) is gone and still has volume \(volume)")
                continue
            }
            // One that moved away is the other host's, whatever a late request makes of it here.
            let hasLeft = isElsewhere(holder) || world.peers.told.contains(holder)
            if devices(of: row)[volume] == nil, !isCutOff(holder), !hasLeft {
                world.violate(.servicesInStep, "\(holder) has volume \(volume), and its row does not say so")
            }
        }
        for row in rows.values.sorted(by: { $0.id < $1.id }) where !world.ledger.isExcused(row.id) {
            for (volume, state) in devices(of: row).sorted(by: { $0.key < $1.key })
            where state == "attached" && books.volumes[volume] != row.id {
                world.violate(.servicesInStep, "the row of \(row.id) has volume \(volume), which is not its own")
            }
        }
        checkMoves(rows, guests)
    }

    /// A guest that moved is there and not here, and the host where it is knows it.
    private func checkMoves(_ rows: [InstanceID: StoredInstance], _ guests: Set<InstanceID>) {
        for id in world.peers.arrived.sorted() where !world.ledger.touched.contains(id) {
            if guests.contains(id) { world.violate(.oneHost, "the guest of \(id) moved away and is here") }
            if rows[id] == nil, !world.peers.told.contains(id), !isDeleted(id) {
                world.violate(.oneHost, "the other host was never told that the guest of \(id) is its own")
            }
            if let row = rows[id], row.instance.host == SimulatedWorker.host, row.instance.vmState == .active,
                !world.ledger.isExcused(id)
            {
                world.violate(.oneHost, "the guest of \(id) moved away and is called active here")
            }
        }
    }

    /// By volume, how the row has it.
    private func devices(of row: StoredInstance) -> [String: String] {
        var devices: [String: String] = [:]
        for element in row.details["block_devices"]?.array ?? [] {
            guard let volume = element["volume_id"]?.string else { continue }
            devices[volume] = element["state"]?.string
        }
        return devices
    }

    private func isElsewhere(_ id: InstanceID) -> Bool {
        world.peers.arrived.contains(id) || world.peers.others.contains(id)
    }

    private func isDeleted(_ id: InstanceID) -> Bool {
        world.ledger.wishes.contains { $0.instance == id && $0.method == .terminate }
    }

    /// Whether a connection of its volumes was ended on this host's side only, as the source of a move asks for.
    private func isCutOff(_ id: InstanceID) -> Bool {
        world.ledger.wishes.contains { $0.instance == id && $0.method == .removeVolumeConnection }
    }
}
