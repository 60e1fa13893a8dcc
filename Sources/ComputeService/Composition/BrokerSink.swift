// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ComputeManager
internal import OsloMessaging

/// The manager's way out: one publisher for events, where they have a broker of their own, and one for the rest.
struct BrokerSink: MessageSink {
    let requests: WirePublisher
    let notifications: WirePublisher

    func publish(_ message: WireMessage) async throws(DeliveryFailure) {
        let publisher = message.kind == .notification ? notifications : requests
        do throws(PublishError) {
            try await publisher.publish(
                EncodedMessage(
                    exchange: message.exchange, routingKey: message.routingKey, isMandatory: message.isMandatory,
                    body: message.body, headers: message.headers, sequence: message.sequence))
        } catch {
            throw DeliveryFailure(error)
        }
    }
}

extension DeliveryFailure {
    public init(_ error: PublishError) {
        switch error {
        case .returned: self = .unroutable("\(error)")
        case .nacked, .refused, .declarationRefused, .invalid: self = .refused("\(error)")
        case .connectionLost, .deadlineExceeded: self = .unavailable("\(error)")
        case .cancelled, .closed: self = .closed
        }
    }
}
