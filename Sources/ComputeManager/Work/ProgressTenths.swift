// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Synchronization

/// How far a long way has come, and when it has come another tenth further.
final class ProgressTenths: Sendable {
    private let last = Mutex<Int?>(nil)

    /// In percent; nil where nothing was told.
    var percent: Int? { last.withLock { $0 }.map { $0 * 10 } }

    /// The percentage, where it is one that was not told yet.
    func news(_ progress: ProgressReporter.Progress) -> Int? {
        guard let total = progress.total?.bytes, total > 0 else { return nil }
        let tenth = Int(min(10, progress.done.bytes * 10 / total))
        return last.withLock { last in
            guard tenth > last ?? -1 else { return nil }
            last = tenth
            return tenth * 10
        }
    }
}
