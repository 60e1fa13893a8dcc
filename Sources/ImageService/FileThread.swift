// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Synchronization

/// One named thread for calls that may wait for a disk, so that none of Swift's cooperative pool ever does.
final class FileThread: Sendable {
    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var isClosed = false
    }

    private final class Box: Sendable {
        let state = Mutex(State())
        let semaphore = DispatchSemaphore(value: 0)
    }

    private let box = Box()

    init(name: String) {
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
    func run<Output: Sendable>(_ body: @escaping @Sendable () throws -> Output) async throws -> Output {
        try await withCheckedThrowingContinuation { continuation in
            box.state.withLock { $0.jobs.append { continuation.resume(with: Result(catching: body)) } }
            box.semaphore.signal()
        }
    }
}
