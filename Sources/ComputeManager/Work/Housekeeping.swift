// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Logging
internal import WorkerStore

/// Forgets the record of done work when it is old: its bound by age, beside the intake's by size.
struct Housekeeping: Sendable {
    static let interval = Duration.seconds(60)
    /// Rows that one commit forgets, so that none gets long.
    private static let rowsAtOnce = 500

    let services: ManagerServices

    /// Looks once a minute, until its task is cancelled.
    func run() async {
        var forgotten: Timestamp?
        while await services.clock.paused(for: Self.interval) {
            let moment = moment(after: forgotten)
            forgotten = moment
            do {
                try await forget(before: moment)
            } catch {
                if error is CancellationError { return }
                services.logger.warning(
                    "the record of done work can't be shortened; trying again",
                    metadata: [LogKey.error: .string("\(error)")])
            }
        }
    }

    /// Where forgetting has come to. A clock that jumps ahead does not make all done work old at once: what is under
    /// way to us a second time would be done a second time.
    private func moment(after previous: Timestamp?) -> Timestamp {
        let age = services.configuration.doneWorkRetention.components.seconds
        let moment = services.events.clock.now().advanced(bySeconds: -age)
        guard let previous else { return moment }
        return max(previous, min(moment, previous.advanced(bySeconds: 2 * Self.interval.components.seconds)))
    }

    private func forget(before moment: Timestamp) async throws {
        let configuration = services.configuration
        while true {
            let gone = try await services.store.write {
                try $0.prune(
                    finishedBefore: moment, keepingAtMost: configuration.doneWorkRows, limit: Self.rowsAtOnce)
            }
            if gone < Self.rowsAtOnce { return }
        }
    }
}
