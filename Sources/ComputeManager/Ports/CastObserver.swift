// SPDX-License-Identifier: Apache-2.0

public import WorkerStore

/// Hears what became of a cast that was sent through the outbox; implemented by the manager, called by the relay.
///
/// Both are called inside the transaction that strikes the row, so that the cast's fate and what follows from it are
/// one commit. Only rows of kind `cast` are told of.
public protocol CastObserver: Sendable {
    /// The broker confirmed the cast: the other service has it.
    func castWasTaken(_ message: OutboxMessage, in transaction: borrowing StoreTransaction) throws

    /// No queue took the cast: nobody will do what it asked for.
    func castWasReturned(_ message: OutboxMessage, reason: String, in transaction: borrowing StoreTransaction) throws
}
