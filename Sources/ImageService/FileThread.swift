// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Foundation
internal import Synchronization

/// One named thread for calls that may wait for a disk, so that none of Swift's cooperative pool ever does.
///
/// A disk may never answer (a network file system whose server is gone): who waits can stop waiting, and no more than a
/// bounded number of calls is kept.
package final class FileThread: Sendable {
    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var isClosed = false
    }

    private final class Box: Sendable {
        let state = Mutex(State())
        let semaphore = DispatchSemaphore(value: 0)
    }

    private let box = Box()
    private let limit: Int

    /// - Parameter limit: calls that wait; one more is refused.
    package init(name: String, limit: Int = 256) {
        self.limit = limit
        let box = box
        let thread = Thread {
            while true {
                box.semaphore.wait()
                let (job, isClosed) = box.state.withLock { state in
                    (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.isClosed)
                }
                if let job { job() } else if isClosed { return }
            }
        }
        thread.name = name
        thread.start()
    }

    deinit {
        box.state.withLock { $0.isClosed = true }
        box.semaphore.signal()
    }

    /// Runs a call on the thread, after those that came before it.
    ///
    /// - Throws: what the call throws; `CancellationError` as soon as the task is cancelled, whatever the call still
    ///   does; ``ComputeFault`` of kind `unavailable` when too many wait.
    package func run<Output: Sendable>(_ body: @escaping @Sendable () throws -> Output) async throws -> Output {
        let call = FileCall<Output>()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                guard call.begin(continuation) else { return }
                let isTaken = box.state.withLock { state in
                    guard state.jobs.count < limit else { return false }
                    state.jobs.append { if call.isAwaited { call.end(Result(catching: body)) } }
                    return true
                }
                guard isTaken else {
                    let fault = ComputeFault(.unavailable, "Too many calls wait for the disk.")
                    return call.end(.failure(fault))
                }
                box.semaphore.signal()
            }
        } onCancel: {
            call.end(.failure(CancellationError()))
        }
    }
}
