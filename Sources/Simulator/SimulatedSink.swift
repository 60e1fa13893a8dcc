// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager

/// One worker's connection for everything that it sends.
///
/// @unchecked Sendable because only the thread of the simulation touches it.
final class SimulatedSink: MessageSink, @unchecked Sendable {
    private let broker: SimulatedBroker
    private var isDead = false
    /// How often something was to be sent.
    private(set) var count = 0

    init(broker: SimulatedBroker) { self.broker = broker }

    func publish(_ message: WireMessage) async throws(DeliveryFailure) {
        broker.tickets += 1
        count += 1
        let ticket = broker.tickets
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if isDead || Task.isCancelled {
                    continuation.resume(returning: Result<Void, DeliveryFailure>.failure(.closed))
                } else {
                    broker.publish(message, ticket: ticket) { continuation.resume(returning: $0) }
                }
            }
        } onCancel: {
            broker.cancelPublish(ticket)
        }
        try answer.get()
    }

    /// Sends without waiting for the confirm.
    func send(_ message: WireMessage) {
        guard !isDead else { return }
        broker.tickets += 1
        broker.publish(message, ticket: broker.tickets) { _ in }
    }

    func die() { isDead = true }
}
