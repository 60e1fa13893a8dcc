// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel
internal import WorkerStore

extension Simulation {
    /// Takes aim where the history is about one step and the journal says that the work has come to it.
    func aim() {
        guard crashCountdown == nil, !isSettling, let target = temper.target, world.resumed[target.name] == nil,
            world.faults.has(.crash), stands(at: target)
        else { return }
        crashCountdown = world.dice.below(world.dice.pick([3, 12, 40]))
    }

    /// Lets the worker die when it was aimed at.
    func shoot() {
        guard let left = crashCountdown else { return }
        crashCountdown = left > 0 ? left - 1 : nil
        guard left == 0, worker != nil, !isSettling, world.faults.has(.crash) else { return }
        world.faults.spend(.crash)
        world.note("FAULT \(FaultKind.crash.rawValue), aimed")
        crash()
    }

    private func stands(at target: Coverage.Pair) -> Bool {
        if target.step == Coverage.begun {
            return worker?.running.contains { $0.method == target.method } == true
        }
        guard let store = worker?.store, store.levels.unfinished > 0 else { return false }
        final class Box: @unchecked Sendable {
            // Because only this thread touches it.
            var entries: [JournalEntry]?
        }
        let box = Box()
        Task(executorPreference: executor) {
            box.entries = (try? await store.read { try $0.unfinished(limit: 20) }) ?? []
        }
        // Nothing of the worker's goes on meanwhile: what was enqueued last is this.
        while box.entries == nil {
            if store.pendingWork.reads > 0 {
                guard store.readNext() else { break }
            } else if executor.count > 0 {
                executor.run(at: executor.count - 1)
            } else {
                break
            }
        }
        return box.entries?.contains { entry in
            entry.method == target.method
                && entry.step.map { CanaryLog.name(ofStep: String(decoding: $0, as: UTF8.self)) } == target.step
        } ?? false
    }

    /// Whether the next wish of a way to a step is held back until what was asked before is over; not for ever.
    func isClientWaiting() -> Bool {
        guard traffic.isOnItsWay, patience > 0, let worker else { return false }
        let levels = worker.store.levels
        let isIdle =
            broker.isEmpty && broker.publishes.isEmpty && broker.handedBack.isEmpty && levels.unfinished == 0
            && levels.outbox == 0
        if !isIdle { patience -= 1 }
        return !isIdle
    }
}
