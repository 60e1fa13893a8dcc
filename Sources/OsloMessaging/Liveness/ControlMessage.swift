// SPDX-License-Identifier: Apache-2.0

internal import AMQP
internal import ComputeModel

/// What workers say to themselves and to each other: no work, and never journaled.
enum ControlMessage: Sendable, Equatable {
    /// Published to come back; the number tells it from an earlier one.
    case probe(UniqueBits)
    /// Who holds the host?
    case question
    /// The one who is asked does.
    case answer(HostHolder)

    /// The property `type` by which it is told from a request before anything reads its body.
    static let type = "compute-worker.control"

    private static let probeKey = "probe"
    private static let questionKey = "question"
    private static let holderKey = "holder"

    private var body: JSONObject {
        switch self {
        case .probe(let id): [Self.probeKey: .string(id.dashed)]
        case .question: [Self.questionKey: "holder"]
        case .answer(let holder): [Self.holderKey: holder.json]
        }
    }

    /// The message for the broker: mandatory, kept in memory only, and not for longer than somebody waits for it.
    func outbound(
        exchange: String, routingKey: String, replyTo: String? = nil, lifetime: Duration,
        declarations: [Declaration] = []
    ) -> OutboundMessage {
        OutboundMessage(
            exchange: exchange, routingKey: routingKey, mandatory: true,
            properties: MessageProperties(
                contentType: "application/json", contentEncoding: "utf-8", deliveryMode: 1, replyTo: replyTo,
                expiration: String(max(1, lifetime.wholeMilliseconds)), type: Self.type),
            body: Array(JSONWriter.text(.object(body)).utf8), declarations: declarations)
    }

    /// Nil for what is none of these.
    init?(_ delivery: Delivery) {
        guard delivery.truncatedSize == nil,
            let text = String(validating: delivery.body, as: UTF8.self),
            let value = try? JSONParser.parse(text)
        else { return nil }
        if let id = value[Self.probeKey]?.string.flatMap({ InstanceID($0)?.bits }) {
            self = .probe(id)
        } else if value[Self.questionKey] != nil {
            self = .question
        } else if let holder = value[Self.holderKey].flatMap(HostHolder.init(json:)) {
            self = .answer(holder)
        } else {
            return nil
        }
    }
}
