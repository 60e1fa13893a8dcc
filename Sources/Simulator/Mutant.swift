// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel

/// A bug that is planted at a port, so that it can be seen that the simulator finds it.
public enum Mutant: String, CaseIterable, Sendable, Hashable {
    /// Requests are acknowledged when they are handed out, before the journal has them.
    case acknowledgeBeforeCommit = "acknowledge-before-commit"
    /// Events are published beside the transaction that they tell of.
    case eventOutsideTransaction = "event-outside-transaction"
    /// What is delivered again passes for new.
    case retryWithoutDedup = "retry-without-dedup"
}

extension Mutant? {
    func source(around source: any MessageSource, identifiers: any IdentifierSource) -> any MessageSource {
        switch self {
        case .acknowledgeBeforeCommit: HastySource(source: source)
        case .retryWithoutDedup: ForgetfulSource(source: source, identifiers: identifiers)
        case .eventOutsideTransaction, nil: source
        }
    }

    func encoder(around encoder: any MessageEncoder, sink: SimulatedSink) -> any MessageEncoder {
        self == .eventOutsideTransaction ? TalkativeEncoder(encoder: encoder, sink: sink) : encoder
    }
}

/// Acknowledges too early.
private struct HastySource: MessageSource {
    let source: any MessageSource

    func nextBatch() async -> [IncomingMessage]? {
        let batch = await source.nextBatch()
        if let batch { source.acknowledge(batch.map(\.token)) }
        return batch
    }

    func acknowledge(_ tokens: [AcknowledgementToken]) {}
    func reject(_ token: AcknowledgementToken, requeue: Bool) {}
    func pause() { source.pause() }
    func resume() { source.resume() }
}

/// Hides that a message came before.
private struct ForgetfulSource: MessageSource {
    let source: any MessageSource
    let identifiers: any IdentifierSource

    func nextBatch() async -> [IncomingMessage]? {
        await source.nextBatch()?.map { message in
            IncomingMessage(
                token: message.token, body: message.body, size: message.size, isRedelivered: false,
                scan: message.scan.map { summary in
                    MessageSummary(
                        form: summary.form, method: summary.method, version: summary.version,
                        namespace: summary.namespace, uniqueID: summary.uniqueID.map { _ in identifiers.next().hex },
                        reply: summary.reply, instance: summary.instance, requestID: summary.requestID)
                })
        }
    }

    func acknowledge(_ tokens: [AcknowledgementToken]) { source.acknowledge(tokens) }
    func reject(_ token: AcknowledgementToken, requeue: Bool) { source.reject(token, requeue: requeue) }
    func pause() { source.pause() }
    func resume() { source.resume() }
}

/// Publishes events at once instead of giving them to the transaction.
private struct TalkativeEncoder: MessageEncoder {
    let encoder: any MessageEncoder
    let sink: SimulatedSink

    var sendsNotifications: Bool { encoder.sendsNotifications }

    func notification(_ notification: Notification) -> [WireMessage] {
        for message in encoder.notification(notification) { sink.send(message) }
        return []
    }

    func reply(_ result: JSONValue, to address: ReplyAddress) -> [WireMessage] { encoder.reply(result, to: address) }
    func failure(_ fault: ComputeFault, to address: ReplyAddress) -> [WireMessage] {
        encoder.failure(fault, to: address)
    }
    func heartbeat(to address: ReplyAddress) -> WireMessage? { encoder.heartbeat(to: address) }
    func cast(_ cast: OutgoingCast) -> WireMessage { encoder.cast(cast) }
    func fanout(_ cast: OutgoingCast) -> WireMessage { encoder.fanout(cast) }
    func deadLetter(_ head: [UInt8], size: Int, fault: MalformedMessage) -> WireMessage {
        encoder.deadLetter(head, size: size, fault: fault)
    }
}
