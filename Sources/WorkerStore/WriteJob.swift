// SPDX-License-Identifier: Apache-2.0

/// A closure that waits for its commit.
protocol WriteJob: Sendable {
    /// Runs the closure; its error where it fails.
    func run(in transaction: borrowing StoreTransaction) -> (any Error)?

    /// Tells who waits: what the closure returned or threw, or that the commit failed.
    func settle(_ failure: StoreError?)
}

/// A closure with a result.
///
/// @unchecked Sendable because `outcome` is written and read by the thread that commits, one call after the other.
final class WaitingWrite<Value: Sendable>: WriteJob, @unchecked Sendable {
    private let body: @Sendable (borrowing StoreTransaction) throws -> Value
    private let continuation: CheckedContinuation<Value, any Error>
    private var outcome: Result<Value, any Error>?

    init(
        body: @escaping @Sendable (borrowing StoreTransaction) throws -> Value,
        continuation: CheckedContinuation<Value, any Error>
    ) {
        self.body = body
        self.continuation = continuation
    }

    func run(in transaction: borrowing StoreTransaction) -> (any Error)? {
        do {
            outcome = .success(try body(transaction))
            return nil
        } catch {
            outcome = .failure(error)
            return error
        }
    }

    func settle(_ failure: StoreError?) {
        if let failure {
            continuation.resume(throwing: failure)
        } else if let outcome {
            continuation.resume(with: outcome)
        } else {
            continuation.resume(throwing: StoreError(.closed, "the store is closed"))
        }
    }
}
