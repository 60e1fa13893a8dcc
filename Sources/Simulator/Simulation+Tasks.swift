// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel

extension PeriodicConfiguration {
    /// What an operator may have set: each task often enough to be met by what else happens, and some of them off.
    init(_ dice: inout SeededGenerator) {
        self.init()
        func some(_ seconds: [Int], off: Int = 25) -> Duration? {
            dice.chance(off) ? nil : .seconds(dice.pick(seconds))
        }
        interval = .seconds(dice.pick([60, 120, 300]))
        fuzzyDelay = .seconds(dice.pick([0, 30]))
        resourceInterval = some([60, 300])
        reportInterval = some([120, 300], off: 50)
        heartbeatInterval = some([60, 300], off: 50)
        buildTimeout = some([120, 600], off: 50)
        rebootTimeout = some([60, 300])
        rescueTimeout = some([60, 300])
        resizeConfirmWindow = some([60, 300])
        reclaimInterval = some([60, 300])
        runningDeletedAction = dice.pick([.log, .reap, .reap])
        runningDeletedInterval = .seconds(dice.pick([120, 300]))
        runningDeletedTimeout = .seconds(dice.pick([0, 120]))
        usageAudit = dice.chance(60)
        bandwidthInterval = some([120, 300])
        imageCacheInterval = some([300, 600])
        healInterval = some([60, 300])
    }
}

extension Simulation {
    /// Notes what the tasks of a life came to that is over.
    func countTasks(of worker: SimulatedWorker) {
        for task in worker.periodicTasks {
            world.tasks["\(task.name) done", default: 0] += task.runs - task.failures
            if task.failures > 0 {
                world.tasks["\(task.name) failed", default: 0] += task.failures
                for _ in 0..<task.failures { world.faults.count(.taskFails) }
            }
            if case .running = task.state {
                world.tasks["\(task.name) cut off", default: 0] += 1
                world.faults.count(.taskCutOff)
            }
        }
    }

    /// Each instance's usage of an hour is told once, or once for each time that it was deleted in it.
    func checkUsage(_ book: EventBook) {
        var told: [String: Int] = [:]
        for event in book.received + book.dropped {
            guard let period = event.period, let instance = event.instance else { continue }
            told["\(instance) \(period)", default: 0] += 1
        }
        world.tasks["instance_usage_audit had something to do", default: 0] += told.count
        for (key, count) in told.sorted(by: { $0.key < $1.key }) where count > 1 {
            let deletes = world.ledger.wishes.count { key.hasPrefix("\($0.instance)") && $0.method == .terminate }
            if count > 1 + deletes { world.violate(.usageOnce, "of \(key) it was told \(count) times") }
        }
    }

    /// Holds what the tasks are there for against what is there at the end.
    func checkTasks(_ guests: Set<InstanceID>) {
        guard let periodic = temper.periodic, periodic.runningDeletedAction == .reap else { return }
        for id in world.ledger.returnedGuests.sorted() where guests.contains(id) {
            let isAskedFor =
                world.ledger.wishes.last { $0.instance == id && ($0.method == .terminate || $0.method == .run) }?.method
                == .run
            if !isAskedFor { world.violate(.deletedStaysDeleted, "the guest of \(id) came back and is still here") }
        }
    }
}
