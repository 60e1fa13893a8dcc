// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import Synchronization

extension Guests {
    /// Runs a long operation in a task that is cancelled when it first tells how far it is, or that it is all done;
    /// how that ended.
    static func cancelled<Value: Sendable>(
        atEnd: Bool = false, _ body: @escaping @Sendable (ProgressReporter) async throws -> Value
    ) async -> Result<Value, any Error> {
        let holder = TaskHolder<Value>()
        let (gate, opener) = AsyncStream<Void>.makeStream()
        let task = Task {
            for await _ in gate { break }
            return try await body(
                ProgressReporter { progress in
                    if atEnd, progress.done == .zero || progress.done != progress.total { return }
                    holder.task.withLock { $0 }?.cancel()
                })
        }
        holder.task.withLock { $0 = task }
        opener.yield()
        return await task.result
    }
}

/// A task that its own callbacks can reach.
private final class TaskHolder<Value: Sendable>: Sendable {
    let task = Mutex<Task<Value, any Error>?>(nil)
}
