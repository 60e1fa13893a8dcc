// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Synchronization

/// How far a long way has come, and when a line of the log is due for it.
final class ProgressTenths: Sendable {
    private struct State {
        var last: Int?
        var toldAt: Duration?
    }

    /// What is done sooner needs no line on its way: the line of its end says all.
    static let pause: Duration = .seconds(5)

    private let state = Mutex(State())

    /// In percent; nil where nothing was told.
    var percent: Int? { state.withLock { $0.last }.map { $0 * 10 } }

    /// The percentage, where it is a new one and none was told for a while.
    ///
    /// - Parameter now: of a clock that goes evenly.
    func news(_ progress: ProgressReporter.Progress, at now: Duration) -> Int? {
        guard let total = progress.total?.bytes, total > 0 else { return nil }
        let tenth = Int(min(10, progress.done.bytes * 10 / total))
        return state.withLock { state in
            guard tenth > state.last ?? -1 else { return nil }
            state.last = tenth
            guard let toldAt = state.toldAt, now - toldAt >= Self.pause else {
                state.toldAt = state.toldAt ?? now
                return nil
            }
            state.toldAt = now
            return tenth * 10
        }
    }
}
