// SPDX-License-Identifier: Apache-2.0

internal import AMQP
internal import ComputeModel
internal import ComputeService
internal import Logging
internal import OsloMessaging
internal import WorkerStore

/// What a start may meet that is not the worker's own: another version's journal, another worker.
extension Simulation {
    /// Whether a newer worker had the journal, so that the start is refused; the next one finds it put right.
    func meetNewerJournal() -> Bool {
        if disk.isNewer {
            world.note("the journal is taken back to its version")
            if !disk.lowerVersion(&world.dice) { world.violate(.refusedUntouched, "a refused journal can't be mended") }
            return false
        }
        // A damaged one may be refused for that.
        guard world.ledger.ends > 0, world.faults.has(.newerJournal), world.faults.counts[.flippedBit] == nil,
            world.dice.chance(50), disk.raiseVersion(&world.dice)
        else { return false }
        world.faults.spend(.newerJournal)
        world.note("FAULT newer journal")
        let before = disk.files
        do {
            _ = try disk.open(world)
            world.violate(.refusedUntouched, "a journal of a newer version was opened")
        } catch {
            world.note("refused: \(error)")
            if error.code != .newerSchema, world.faults.counts[.readError] == nil {
                world.violate(.refusedUntouched, "a journal of a newer version is refused with \(error)")
            }
        }
        if disk.files != before { world.violate(.refusedUntouched, "a refused journal was changed") }
        appoint(.startWorker, in: .seconds(world.dice.within(1...600)))
        return true
    }

    // MARK: Another worker

    /// Another worker takes the host, or the broker keeps it for nobody; for a while.
    func loseHost(to kind: FaultKind) {
        if kind == .secondWorker {
            let (broker, world) = (broker, world)
            let rival = SimulatedRival(broker: broker, logger: Logger(label: "rival") { _ in CanaryLog(world: world) })
            broker.holder = .rival(rival)
            self.rival = Task(executorPreference: executor) { await rival.run() }
        } else {
            broker.holder = .silent
        }
        world.note("the host is another's: \(kind.rawValue)")
        appoint(.hostFree, in: .seconds(world.dice.within(1...120)))
    }

    /// Whoever had the host is gone.
    func freeHost() {
        checkReasons(.queueLocked, "the host is taken at the broker")
        rival?.cancel()
        rival = nil
        broker.holder = nil
    }

    /// A worker refused to serve because the host is another's.
    func noticeRefusal(_ held: HostHeld, of worker: SimulatedWorker) {
        world.faults.count(.startRefused)
        world.note("refused: \(held)")
        if worker.hasDoneAnything, worker.consuming.knowsOnlyLocks {
            world.violate(.oneWorker, "a worker that was refused had asked for something")
        }
        guard let holder = held.holder, case .rival(let rival)? = broker.holder else { return }
        if holder != rival.identity { world.violate(.oneWorker, "\(held) is not \(rival.identity)") }
        world.faults.count(.holderNamed)
    }

    /// While a connection is refused, the worker says why it is not ready, and what may help.
    func checkReasons(_ code: BrokerError.Code, _ words: String) {
        guard let worker, !worker.isStopping, worker.end == nil, executor.count == 0,
            case .lost(let error, retryIn: _) = worker.consuming.states.current, error.code == code
        else { return }
        world.faults.count(.refusalTold)
        if !worker.watch.reasons.contains(where: { $0.contains(words) }) {
            world.violate(.clearRefusal, "\(error) is told as \(worker.watch.reasons)")
        }
    }
}
