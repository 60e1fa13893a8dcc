// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Logging
internal import WorkerStore

/// A message that can't be taken in, on its way to those who look at such messages; its full body is not kept, nor are
/// secrets in what is.
struct DeadLetterUnderWay: Sendable {
    /// How much of a message is kept for who looks at it.
    static let head = 4096

    let letter: WireMessage
    let token: AcknowledgementToken
    let size: Int
    let reason: MalformedMessage
    /// What could be read of it; nil where that is nothing.
    let summary: MessageSummary?

    /// What the log says of it; never of what it holds.
    var metadata: Logger.Metadata {
        var metadata: Logger.Metadata = [
            "rpc.reason": .string(reason.reason.rawValue), "rpc.size": .stringConvertible(size),
            "rpc.detail": .string(reason.detail), "queue": .string(letter.routingKey),
        ]
        metadata[LogKey.method] = summary.map { .string($0.method) }
        return metadata
    }

    init(_ refused: IntakeSorting.Refused, _ encoder: any MessageEncoder) {
        let message = refused.message
        let head = message.body.count > Self.head ? Array(message.body[..<Self.head]) : message.body
        letter = encoder.deadLetter(HeadMask.masked(head), size: message.size, fault: refused.reason)
        token = message.token
        size = message.size
        reason = refused.reason
        summary = if case .success(let summary) = message.scan { summary } else { nil }
    }
}

extension Intake {
    /// Puts a message aside; acknowledges it only when the broker has confirmed that it is there.
    func putAside(_ refused: DeadLetterUnderWay) async {
        var pause = configuration.shortestPause
        while true {
            do throws(DeliveryFailure) {
                try await sink.publish(refused.letter)
                metrics.countDeadLetter(refused.reason.reason)
                logger.about(nil, refused.summary?.instance, requestID: refused.summary?.requestID).warning(
                    "message refused and put aside", metadata: refused.metadata)
                source.acknowledge([refused.token])
                return
            } catch {
                switch error {
                case .closed: return giveBack(refused)
                case .unroutable:
                    // Kept, it would come again for ever; the log has what there is to know of it.
                    metrics.countDeadLetter(refused.reason.reason)
                    metrics.countLostDeadLetter()
                    logger.about(nil, refused.summary?.instance, requestID: refused.summary?.requestID).error(
                        "message refused, and the queue for such messages is missing",
                        metadata: refused.metadata.merging([LogKey.error: .string("\(error)")]) { $1 })
                    source.acknowledge([refused.token])
                    return
                case .refused, .unavailable: break
                }
            }
            do { try await clock.sleep(for: pause) } catch { return giveBack(refused) }
            pause = min(pause * 2, configuration.longestPause)
        }
    }

    /// Leaves it to the broker, which sends it again: a stop waits for everything that was handed out.
    func giveBack(_ refused: DeadLetterUnderWay) { source.reject(refused.token, requeue: true) }
}

extension OutboxMessage {
    /// A frame of a reply; the frames of one reply leave in order, and wait for nothing else.
    init(reply message: WireMessage, to address: ReplyAddress) {
        let id =
            switch address {
            case .messageID(let id): id
            case .replyQueue(_, let id, _): id
            }
        self.init(
            orderingKey: "reply:\(id)", kind: .reply, exchange: message.exchange, routingKey: message.routingKey,
            isMandatory: message.isMandatory, headers: message.headers, body: message.body)
    }
}
