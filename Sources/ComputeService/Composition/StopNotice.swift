// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel
internal import Logging

/// Tells what a stop waits for: every operation that runs, at once and again while it lasts.
struct StopNotice: Sendable {
    let running: @Sendable () -> [RunningOperation]
    let logger: Logger
    var clock: any WallClock = SystemWallClock()

    private static let interval = Duration.seconds(5)

    /// Returns when nothing runs any more, or when the task is cancelled.
    func run() async {
        while tell("stopping: waiting for what runs") {
            do { try await ContinuousClock().sleep(for: Self.interval) } catch { return }
        }
    }

    /// Names what runs; false where nothing does.
    @discardableResult
    func tell(_ message: Logger.Message) -> Bool {
        let running = running()
        let now = clock.now()
        for operation in running {
            logger.notice(
                message,
                metadata: [
                    "rpc.method": .string(operation.method), "journal.id": "\(operation.id)",
                    "instance.uuid": .string(operation.instance?.description ?? "-"),
                    "request.id": .string(operation.requestID ?? "-"),
                    "for": .string(Age.text(from: operation.begunAt, to: now)),
                ])
        }
        return !running.isEmpty
    }
}
