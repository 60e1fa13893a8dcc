// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Synchronization

/// Says when a long way has come another tenth further.
final class ProgressTenths: Sendable {
    private let last = Mutex(0)

    /// The percentage, where it is one that was not told yet.
    func news(_ progress: ProgressReporter.Progress) -> Int? {
        guard let total = progress.total?.bytes, total > 0 else { return nil }
        let tenth = Int(min(10, progress.done.bytes * 10 / total))
        return last.withLock { last in
            guard tenth > last else { return nil }
            last = tenth
            return tenth * 10
        }
    }
}
