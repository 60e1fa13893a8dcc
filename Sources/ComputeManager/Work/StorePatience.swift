// SPDX-License-Identifier: Apache-2.0

internal import Logging
internal import WorkerStore

/// Goes on trying while the store fails in a way that can pass: what was acknowledged is not given up for a full disk.
struct StorePatience: Sendable {
    /// So soon after there is room again is it noticed; a try is cheap.
    static let longestPause = Duration.seconds(2)

    let clock: any Clock<Duration>
    let logger: Logger

    func outlasting<Value: Sendable>(
        _ complaint: Logger.Message, _ body: () async throws -> Value
    ) async throws -> Value {
        var pause = Duration.milliseconds(500)
        var failures = 0
        while true {
            do {
                return try await body()
            } catch let error as StoreError where error.isRetriable {
                failures += 1
                // The log may be on the same disk.
                if failures.isPowerOfTwo { logger.error(complaint, metadata: [LogKey.error: .string("\(error)")]) }
                try await clock.sleep(for: pause)
                pause = min(pause * 2, Self.longestPause)
            }
        }
    }
}

extension Int {
    fileprivate var isPowerOfTwo: Bool { self > 0 && self & (self - 1) == 0 }
}
