// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Logging
internal import WorkerStore

extension OperationRun {
    private static var longestPause: Duration { .seconds(60) }

    /// Does again what fails for a reason that may pass, after pauses that grow, in which its slot is another's; for a
    /// bounded time, since nothing else of the instance gets its turn meanwhile.
    func persisting(_ body: () async throws -> Void) async throws {
        var left = services.configuration.deleteRetryTime
        var pause = Duration.seconds(1)
        while true {
            do {
                return try await body()
            } catch let fault as ComputeFault where fault.mayPass && left > .zero {
                pause = min(pause, left)
                left -= pause
                logger.warning(
                    "an operation did not get on; it is tried again",
                    metadata: [
                        LogKey.method: .string(entry.method), LogKey.error: .string(fault.message),
                        LogKey.instance: .string(entry.instance?.description ?? "-"),
                        LogKey.seconds: .stringConvertible(pause.components.seconds),
                    ])
                turn.freeSlot()
                await noteAttempt(fault)
                try await wait(pause)
                pause = min(pause * 2, Self.longestPause)
                guard await turn.takeSlot() else { throw CancellationError() }
            }
        }
    }

    /// For who asks the journal; where it can't be written, the work goes on all the same.
    private func noteAttempt(_ fault: ComputeFault) async {
        do {
            let id = entry.id
            _ = try await services.store.write { try $0.countAttempt(id, lastError: fault.message) }
        } catch {
            logger.debug(
                "why work waits can't be written down",
                metadata: [LogKey.entry: .string(entry.id.description), LogKey.error: .string("\(error)")])
        }
    }

    /// Waits in short pieces: a stop of the worker does not wait for the end of a long pause.
    private func wait(_ pause: Duration) async throws {
        var left = pause
        while left > .zero {
            let piece = min(left, .seconds(1))
            try await services.clock.sleep(for: piece)
            left -= piece
            if turn.isStopping() { throw CancellationError() }
        }
    }
}

extension ComputeFault {
    /// Whether what failed may be done if it is tried again here.
    var mayPass: Bool { isRetriable || kind == .instanceTerminationFailure }
}
