// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager

/// One worker's connection for requests.
///
/// @unchecked Sendable because only the thread of the simulation touches it.
final class SimulatedSource: MessageSource, @unchecked Sendable {
    private let broker: SimulatedBroker
    private var buffer: [IncomingMessage] = []
    private var waiter: CheckedContinuation<[IncomingMessage]?, Never>?
    private(set) var isPaused = false
    /// Nothing arrives any more; what is in the buffer is still handed out.
    private var isClosed = false
    /// The worker died: what its remains still say reaches nobody.
    private var isDead = false

    init(broker: SimulatedBroker) { self.broker = broker }

    func nextBatch() async -> [IncomingMessage]? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if !buffer.isEmpty, !isDead {
                    continuation.resume(returning: takeBuffer())
                } else if isClosed || isDead || Task.isCancelled {
                    continuation.resume(returning: nil)
                } else {
                    waiter = continuation
                }
            }
        } onCancel: {
            wake(nil)
        }
    }

    func acknowledge(_ tokens: [AcknowledgementToken]) {
        for token in tokens where !isDead { broker.answer(token, .acknowledge) }
    }

    func reject(_ token: AcknowledgementToken, requeue: Bool) {
        if !isDead { broker.answer(token, requeue ? .requeue : .drop) }
    }

    func pause() {
        guard !isDead else { return }
        isPaused = true
        broker.takeBack(buffer.map(\.token))
        buffer = []
    }

    func resume() { if !isDead { isPaused = false } }

    // MARK: The broker's side

    func receive(_ message: IncomingMessage) {
        buffer.append(message)
        if waiter != nil { wake(takeBuffer()) }
    }

    func dropBuffer() { buffer = [] }

    /// Takes nothing more; ``nextBatch()`` ends after what is in the buffer.
    func close() {
        isClosed = true
        isPaused = true
        if buffer.isEmpty { wake(nil) }
    }

    func die() {
        isDead = true
        buffer = []
        wake(nil)
    }

    private func takeBuffer() -> [IncomingMessage] {
        let batch = buffer
        buffer = []
        return batch
    }

    private func wake(_ batch: [IncomingMessage]?) {
        let continuation = waiter
        waiter = nil
        continuation?.resume(returning: batch)
    }
}
