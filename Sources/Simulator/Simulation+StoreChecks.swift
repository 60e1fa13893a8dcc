// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import FakeDriver
internal import WorkerStore

extension Simulation {
    /// What the store holds.
    private struct Inventory: Sendable {
        let instances: [StoredInstance]
        let resources: [StoredResource]
        let unfinished: [JournalEntry]
        let outbox: [OutboxRow]
    }

    /// Reads the store and the hypervisor, and holds the one against the other.
    func checkStore() {
        guard let store = worker?.store else { return world.violate(.endsQuiet, "no worker at the end") }
        final class Box: @unchecked Sendable {
            // Because only this thread touches it.
            var inventory: Inventory?
            var guests: [InstanceSummary] = []
            var failure: (any Error)?
        }
        let box = Box()
        let fake = hypervisor.fake
        let read = Task(executorPreference: executor) {
            box.guests = (try? await fake.instances()) ?? []
            do {
                box.inventory = try await store.read { snapshot in
                    Inventory(
                        instances: try snapshot.instances(), resources: try snapshot.resources(),
                        unfinished: try snapshot.unfinished(limit: 100), outbox: try snapshot.outbox(limit: 100))
                }
            } catch {
                box.failure = error
            }
        }
        var patience = 1000
        while box.inventory == nil, box.failure == nil, patience > 0 {
            if executor.count > 0 { executor.run(at: 0) } else { store.readNext() }
            patience -= 1
        }
        read.cancel()
        guard let inventory = box.inventory else {
            return world.violate(.endsQuiet, "the store can't be read: \(box.failure.map { "\($0)" } ?? "no answer")")
        }
        compare(inventory, box.guests)
    }

    private func compare(_ inventory: Inventory, _ guests: [InstanceSummary]) {
        let rows = Dictionary(uniqueKeysWithValues: inventory.instances.map { ($0.id, $0.instance) })
        let resources = Set(inventory.resources.map(\.instance))
        for entry in inventory.unfinished { world.violate(.emptyAtEnd, "\(entry) is unfinished") }
        for row in inventory.outbox { world.violate(.emptyAtEnd, "outbox \(row.id) was not sent") }
        for id in resources.sorted() where rows[id] == nil {
            world.violate(.emptyAtEnd, "resources of \(id), which has no row")
        }
        let running = Set(guests.filter { $0.powerState == .running }.map(\.id))
        for guest in guests where !world.ledger.foreign.contains(guest.id) {
            if rows[guest.id] == nil { world.violate(.everyGuestOwned, "the guest of \(guest.id) has no row") }
            if !resources.contains(guest.id) {
                world.violate(.resourcesWrittenDown, "the guest of \(guest.id) is not in the books")
            }
        }
        for row in inventory.instances {
            let id = row.id
            let state = row.instance.vmState
            if state == .building, row.instance.taskState != .scheduling, row.instance.taskState != .deleting {
                world.violate(.trueState, "\(id) is still building")
            }
            guard !world.ledger.touched.contains(id) else { continue }
            if state == .active, row.instance.powerState == .running, !running.contains(id), !hasDisturbedWish(id) {
                world.violate(.trueState, "\(id) is told to run and does not")
            }
            if state == .stopped, running.contains(id), !hasDisturbedWish(id) {
                world.violate(.trueState, "\(id) is told to be off and runs")
            }
        }
    }

    private func hasDisturbedWish(_ id: InstanceID) -> Bool {
        world.ledger.untold.contains(id)
            || world.ledger.wishes.contains { $0.instance == id && world.ledger.disturbed.contains($0.number) }
    }
}
