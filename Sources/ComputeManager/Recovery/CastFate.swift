// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Logging
internal import WorkerStore

/// What becomes of the casts to other services: of builds that go back to the scheduler, and of moves that another
/// worker goes on with.
struct CastFate: CastObserver {
    let services: ManagerServices

    func castWasTaken(_ message: OutboxMessage, in transaction: borrowing StoreTransaction) throws {
        try BuildFate(services: services).castWasTaken(message, in: transaction)
        try MoveFate(services: services).castWasTaken(message, in: transaction)
    }

    func castWasReturned(
        _ message: OutboxMessage, reason: String, in transaction: borrowing StoreTransaction
    ) throws {
        try BuildFate(services: services).castWasReturned(message, reason: reason, in: transaction)
        try MoveFate(services: services).castWasReturned(message, reason: reason, in: transaction)
    }
}
