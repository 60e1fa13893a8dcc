// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ComputeModel

/// A request as the broker delivered it, judged but not decoded.
public struct ReceivedMessage: Sendable {
    public let tag: DeliveryTag
    /// What may have been delivered before under an earlier one.
    public let epoch: UInt64
    /// The whole body, or its beginning if it was over the cap.
    public let body: [UInt8]
    /// The size of the body in bytes; larger than `body` where that was cut.
    public let size: Int
    /// Whether the broker delivered it before.
    public let isRedelivered: Bool
    public let scan: Result<MessageSummary, MalformedMessage>

    init(_ delivery: Delivery, scanner: MessageScanner) {
        tag = delivery.tag
        epoch = delivery.epoch
        body = delivery.body
        isRedelivered = delivery.redelivered
        if let size = delivery.truncatedSize {
            self.size = Int(clamping: size)
            scan = .failure(MalformedMessage(.tooLarge, "the body of \(size) bytes is over the cap"))
        } else {
            size = delivery.body.count
            scan = delivery.properties.contentFault.map { .failure($0) } ?? scanner.scan(delivery.body)
        }
    }
}

extension MessageProperties {
    /// Why a body with these properties is not looked at; nil for JSON in UTF-8, and where nothing is said.
    fileprivate var contentFault: MalformedMessage? {
        if headers?["compression"] != nil {
            return MalformedMessage(.contentType, "the body is compressed")
        }
        let type = contentType?.split(separator: ";").first.map { $0.lowercased() }
        guard type == nil || type == "application/json" else {
            return MalformedMessage(.contentType, "the content type is not application/json")
        }
        switch contentEncoding?.lowercased() {
        case nil, "", "utf-8", "utf8", "us-ascii", "ascii": return nil
        default: return MalformedMessage(.contentType, "the content encoding is not utf-8")
        }
    }
}
