// SPDX-License-Identifier: Apache-2.0

internal import AMQP
internal import ComputeManager
internal import OsloMessaging

/// The manager's source of requests: the server's queues on the broker.
struct BrokerSource: MessageSource {
    let server: RPCServer

    func nextBatch() async -> [IncomingMessage]? {
        await server.nextBatch()?.map { message in
            IncomingMessage(
                token: AcknowledgementToken(generation: UInt64(message.tag.generation), number: message.tag.value),
                epoch: message.epoch,
                body: message.body, size: message.size, isRedelivered: message.isRedelivered, scan: message.scan)
        }
    }

    func acknowledge(_ tokens: [AcknowledgementToken]) { server.acknowledge(tokens.map(\.tag)) }

    func reject(_ token: AcknowledgementToken, requeue: Bool) { server.reject(token.tag, requeue: requeue) }

    func pause() { server.pause() }

    func resume() { server.resume() }
}

extension AcknowledgementToken {
    fileprivate var tag: DeliveryTag { DeliveryTag(generation: UInt32(truncatingIfNeeded: generation), value: number) }
}
