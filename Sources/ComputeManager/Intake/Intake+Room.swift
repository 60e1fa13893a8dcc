// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Logging
internal import Synchronization
internal import WorkerStore

/// Requests that need room for disks while there is none.
extension Intake {
    /// How many requests wait for room for disks.
    public var heldCount: Int { heldNumber.load(ordering: .relaxed) }

    /// Whether the next batch is to be sifted; anything else is the hot path.
    var sifts: Bool { room.isFull || heldCount > 0 }

    /// Holds what of a batch needs room; to be called with ``holdingTurn`` taken.
    func sift(_ sorting: inout IntakeSorting) {
        change { held in
            let batch = zip(sorting.journal, sorting.journalTokens).map { HeldRequests.Request(entry: $0, token: $1) }
            let before = held.total
            let passing = held.sift(batch, isFull: room.isFull)
            sorting.setJournal(passing)
            metrics.countHeld(held.total - before)
        }
    }

    /// Lets go after each look at the disk, until the task is cancelled.
    func followRoom() async throws {
        for await _ in room.looks { try await letGo() }
    }

    /// Takes in what need not wait any more, or has waited too long.
    func letGo() async throws {
        guard heldCount > 0, await holdingTurn.take() else { return }
        defer { holdingTurn.give() }
        let due = held.withLock {
            $0.due(isFull: room.isFull, limits: configuration.ageLimits, now: wallClock.now())
        }
        guard !due.isEmpty else { return }
        do {
            try await journal(due.map(\.entry), due.map(\.token))
            change { $0.remove(due) }
        } catch let error as StoreError where error.isRetriable {
            // Held on: the next look finds them.
            metrics.countStoreFailure()
        }
    }

    /// Leaves to the broker what is held: a stop waits for everything that was handed out.
    func giveBackHeld() async {
        guard heldCount > 0, await holdingTurn.take() else { return }
        defer { holdingTurn.give() }
        change { held in
            for request in held.requests { source.reject(request.token, requeue: true) }
            held.removeAll()
        }
    }

    private func change(_ body: (inout HeldRequests) -> Void) {
        let (before, after) = held.withLock { held in
            let before = held.requests.count
            body(&held)
            heldNumber.store(held.requests.count, ordering: .relaxed)
            return (before, held.requests.count)
        }
        if before == 0, after > 0 {
            logger.warning("no room for disks: requests that need some are held, unacknowledged, until there is")
        } else if before > 0, after == 0 {
            logger.notice("no request waits for room for disks any more")
        }
    }
}
