// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ComputeModel

/// Why a cast or a call of ours brought no result.
public enum RPCError: Error, Sendable {
    /// The server's answer is an exception.
    case remote(RemoteException)
    /// No answer in time; whether the work was or will be done is not known.
    case timedOut(method: String, after: Duration)
    /// The request did not reach the broker, or no queue took it.
    case undelivered(PublishError)
    /// The answer can't be read.
    case malformedReply(MalformedMessage)
    /// The client is not running, or its task was cancelled.
    case closed

    /// Whether the same request may succeed later without anybody's doing.
    public var isRetriable: Bool {
        switch self {
        case .remote(let exception): exception.fault.isRetriable
        case .timedOut: true
        case .undelivered(let error): error.isRetriable
        case .malformedReply, .closed: false
        }
    }
}

extension RPCError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .remote(let exception): "the server answered with \(exception)"
        case .timedOut(let method, let time): "no answer to \(method) within \(time)"
        case .undelivered(let error): "the request was not delivered: \(error)"
        case .malformedReply(let fault): "the answer can't be read: \(fault)"
        case .closed: "the client is closed"
        }
    }
}
