// SPDX-License-Identifier: Apache-2.0

internal import AMQP
internal import Logging

/// Tells when the worker is ready to take casts, and when it is not.
struct Readiness: Sendable {
    let host: String
    let logger: Logger
    private let started = ContinuousClock.now

    init(host: String, logger: Logger) {
        self.host = host
        self.logger = logger
    }

    /// Tells of every change until the task is cancelled.
    func follow(_ states: AsyncStream<ConnectionState>) async {
        var wasReady = false
        for await state in states {
            switch state {
            case .ready(let queues):
                logger.notice(
                    wasReady ? "ready again" : "ready",
                    metadata: [
                        "host": "\(host)", "queues": "\(queues.joined(separator: ","))",
                        "after": "\(ContinuousClock.now - started)",
                    ])
                wasReady = true
            case .lost(let error, let delay):
                logger.error(
                    "the broker is gone; not ready", metadata: ["error": "\(error)", "next.attempt.in": "\(delay)"])
            case .blocked(let reason):
                logger.warning("the broker takes no messages just now", metadata: ["reason": "\(reason)"])
            case .connecting(let address):
                logger.info("connecting", metadata: ["broker": "\(address)"])
            case .idle, .closed: break
            }
        }
    }
}
