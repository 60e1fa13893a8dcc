// SPDX-License-Identifier: Apache-2.0

/// Why a message is not known to be with the broker.
public enum PublishError: Error, Sendable, Equatable {
    /// No queue took a mandatory message.
    case returned(code: UInt16, text: String)
    /// The broker could not take responsibility (a full queue that rejects, a failed queue process).
    case nacked
    /// The connection went after the message was written and before it was confirmed.
    case connectionLost(BrokerError)
    /// The broker closed the channel because of this message: no such exchange, no right to it.
    case refused(code: UInt16, text: String)
    /// A declaration that the message names was refused; the message was not sent.
    case declarationRefused(code: UInt16, text: String)
    case deadlineExceeded(mayHaveBeenDelivered: Bool)
    case cancelled(mayHaveBeenDelivered: Bool)
    /// The publisher is closed or was closed meanwhile.
    case closed(mayHaveBeenDelivered: Bool)
    /// The message cannot be put on the wire: a name over 255 bytes, headers over a frame.
    case invalid(String)
}

extension PublishError {
    /// Whether the same message may succeed later without anybody's doing.
    public var isRetriable: Bool {
        switch self {
        case .returned, .nacked, .connectionLost, .deadlineExceeded: true
        case .refused(let code, _): code == 404
        case .declarationRefused, .cancelled, .closed, .invalid: false
        }
    }

    /// Whether the message may have arrived, so that sending it again may double it.
    ///
    /// True for a nack: of several queues one may have taken it.
    public var mayHaveBeenDelivered: Bool {
        switch self {
        case .connectionLost, .nacked: true
        case .deadlineExceeded(let may), .cancelled(let may), .closed(let may): may
        case .returned, .refused, .declarationRefused, .invalid: false
        }
    }
}

extension PublishError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .returned(let code, let text): "the broker returned the message: \(code) \(text)"
        case .nacked: "the broker refused responsibility for the message (nack)"
        case .connectionLost(let error): "the connection went before the message was confirmed: \(error)"
        case .refused(let code, let text): "the broker refused the message: \(code) \(text)"
        case .declarationRefused(let code, let text): "the broker refused a declaration: \(code) \(text)"
        case .deadlineExceeded(let sent): "not confirmed before the deadline (\(sent ? "sent" : "not sent"))"
        case .cancelled(let sent): "cancelled before the confirm (\(sent ? "sent" : "not sent"))"
        case .closed(let sent): "the publisher is closed (\(sent ? "sent" : "not sent"))"
        case .invalid(let reason): "the message cannot be sent: \(reason)"
        }
    }
}
