// SPDX-License-Identifier: Apache-2.0

/// Why a connection could not be made, or ended.
public struct BrokerError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// No TCP connection: refused, unreachable, timed out, no such name.
        case unreachable
        /// No TLS session: protocol, cipher, unreadable certificate files.
        case tlsFailed
        /// The certificate's chain ends in nothing we trust, or it is expired or for another address.
        case certificateRefused
        /// The certificate is for another host name.
        case hostNameRefused
        /// 403: wrong user or password, or a right that the user lacks.
        case accessRefused
        /// 530: no such virtual host, or one that the user may not enter.
        case notAllowed
        /// 406 to a declaration: it exists with other properties.
        case declarationRefused
        /// 405: the queue belongs to another connection, maybe one of ours of which the broker has not heard the end.
        case queueLocked
        /// The broker closed the channel.
        case channelClosed
        /// The broker closed the connection.
        case connectionClosed
        /// Nothing was heard for two heartbeat intervals.
        case heartbeatLost
        /// The socket failed or was closed without a word.
        case socketFailed
        /// The broker did not answer in time.
        case timedOut
        /// The connection's owner gave it up: it did not do what a connection is for.
        case givenUp
        /// Frames in an order that AMQP does not allow, or a value that cannot be sent.
        case protocolViolation
    }

    public let code: Code
    /// Safe to log: it holds no credentials.
    public let message: String
    /// AMQP's reply code, where the broker gave one.
    public let replyCode: UInt16?

    public init(_ code: Code, _ message: String, replyCode: UInt16? = nil) {
        self.code = code
        self.message = message
        self.replyCode = replyCode
    }

    /// Whether somebody must change a setting before it can succeed. Attempts go on, but slowly.
    public var needsConfiguration: Bool {
        switch code {
        case .accessRefused, .notAllowed, .declarationRefused, .certificateRefused, .hostNameRefused: true
        default: false
        }
    }

    /// Whether the broker is being stopped or started: it forced the connection to its end (320), or its virtual host is
    /// down (530).
    var isShutdown: Bool { code == .connectionClosed && (replyCode == 320 || replyCode == 530) }

    public var description: String { message }
}
