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
        let claims: [StoredClaim]
    }

    /// Holds the store at the end against the hypervisor.
    func checkStore(_ book: EventBook) {
        guard let store = worker?.store else { return world.violate(.endsQuiet, "no worker at the end") }
        if let (inventory, guests) = look(into: store) {
            compare(inventory, guests)
            checkClaims(inventory.claims, inventory.instances, guests)
            checkHealthy(inventory, guests, book)
        }
    }

    /// What a crash left behind is in the books before anything else happens.
    func checkBooks(_ store: WorkerStore) {
        guard world.ledger.ends > 0, !isDamaged, let (inventory, guests) = look(into: store) else { return }
        let resources = Set(inventory.resources.map(\.instance))
        for guest in guests where !world.ledger.foreign.contains(guest.id) && !resources.contains(guest.id) {
            world.violate(.resourcesWrittenDown, "after a crash the guest of \(guest.id) is not in the books")
        }
    }

    /// Reads the store and asks the hypervisor, beside all that is under way.
    private func look(into store: WorkerStore) -> (Inventory, [InstanceSummary])? {
        final class Box: @unchecked Sendable {
            // Because only this thread touches it.
            var inventory: Result<Inventory, any Error>?
            var guests: [InstanceSummary] = []
        }
        let box = Box()
        let fake = hypervisor.fake
        Task(executorPreference: executor) {
            box.guests = (try? await fake.instances()) ?? []
            do {
                let inventory = try await store.read { snapshot in
                    Inventory(
                        instances: try snapshot.instances(), resources: try snapshot.resources(),
                        unfinished: try snapshot.unfinished(limit: 100), outbox: try snapshot.outbox(limit: 100),
                        claims: try snapshot.claims())
                }
                box.inventory = .success(inventory)
            } catch {
                box.inventory = .failure(error)
            }
        }
        while box.inventory == nil {
            if executor.count > 0 {
                executor.run(at: executor.count - 1)
            } else if !store.readNext() {
                break
            }
        }
        switch box.inventory {
        case .success(let inventory)?: return (inventory, box.guests)
        case .failure(let error)?:
            if !world.faults.isOn { world.violate(.endsQuiet, "the store can't be read: \(error)") }
        case nil: world.violate(.endsQuiet, "the store does not answer")
        }
        return nil
    }

    private func compare(_ inventory: Inventory, _ guests: [InstanceSummary]) {
        let rows = Dictionary(uniqueKeysWithValues: inventory.instances.map { ($0.id, $0.instance) })
        let resources = Set(inventory.resources.map(\.instance))
        for entry in inventory.unfinished { world.violate(.emptyAtEnd, "\(entry) is unfinished") }
        for row in inventory.outbox { world.violate(.emptyAtEnd, "outbox \(row.id) was not sent") }
        // A bit that turns over in this table is not seen: its rows carry no sum.
        for id in resources.sorted() where rows[id] == nil && world.faults.counts[.flippedBit] == nil {
            world.violate(.emptyAtEnd, "resources of \(id), which has no row")
        }
        checkServices(
            Dictionary(uniqueKeysWithValues: inventory.instances.map { ($0.id, $0) }), Set(guests.map(\.id)))
        checkTasks(Set(guests.map(\.id)))
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
            let isTold = row.instance.powerState == .running
            // A delete that failed keeps its task, and the row waits for the next one.
            let isSettled = row.instance.taskState == nil && (state == .active || state == .stopped)
            let isHere = row.instance.host == SimulatedWorker.host
            if isTold != running.contains(id), isSettled, isHere {
                world.violate(.trueState, "\(id) is told to be \(isTold ? "on" : "off"), and is not")
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

    /// The methods whose failure nova answers with ERROR, whatever the guest does.
    private static let endInError: Set<String> = [
        "suspend_instance", "rescue_instance", "unrescue_instance", "rebuild_instance", "set_admin_password",
        "prep_resize", "resize_instance", "finish_resize", "confirm_resize", "revert_resize", "finish_revert_resize",
    ]

    /// What was built well and runs is in ERROR for no later request's sake.
    private func checkHealthy(_ inventory: Inventory, _ guests: [InstanceSummary], _ book: EventBook) {
        for row in inventory.instances where row.instance.vmState == .error {
            let isRunning = guests.contains { $0.id == row.id && $0.powerState == .running }
            let spawn = world.ledger.effects.last { $0.instance == row.id && $0.operation == "spawn" }
            guard isRunning, let number = spawn?.wish, !world.ledger.touched.contains(row.id),
                !world.ledger.wishes.contains(where: { $0.instance == row.id && $0.method == .terminate }),
                book.count("compute.instance.create.end", of: world.ledger.wishes[number].requestID) > 0
            else { continue }
            let isNovas = world.ledger.wishes.contains {
                $0.instance == row.id && Self.endInError.contains($0.method.rawValue)
                    && book.count($0.method.rawValue, of: $0.requestID) > 0
            }
            if isNovas { continue }
            world.violate(.healthyGuest, "\(row.id) runs as it was built, and is called ERROR")
        }
    }

    private func hasDisturbedWish(_ id: InstanceID) -> Bool {
        world.ledger.untold.contains(id)
            || world.ledger.wishes.contains { $0.instance == id && world.ledger.disturbed.contains($0.number) }
    }
}
