// SPDX-License-Identifier: Apache-2.0

public import Logging
internal import Synchronization

/// Publishes with confirms over a connection of its own, and reconnects for ever.
///
/// Messages go out in the order of the calls to `publish`; up to `window` are unconfirmed at a time, the others wait.
/// Without a connection, and while the broker blocks publishers, everything waits.
public final class Publisher: Sendable {
    /// Counts since the publisher was made.
    public struct Statistics: Sendable, Equatable {
        public var published: UInt64 = 0
        public var confirmed: UInt64 = 0
        public var returned: UInt64 = 0
        public var nacked: UInt64 = 0
        public var connections: UInt64 = 0
    }

    let configuration: BrokerConfiguration
    let window: Int
    let closeGrace: Duration
    let logger: Logger
    let mailbox = Mailbox(PublisherMailbox())
    let counts = Mutex(Statistics())
    private let broadcaster = StateBroadcaster()

    /// - Parameters:
    ///   - window: messages that may be unconfirmed at a time.
    ///   - closeGrace: how long the end of `run` waits for confirms that are outstanding.
    public init(
        configuration: BrokerConfiguration, window: Int = 512, closeGrace: Duration = .seconds(5), logger: Logger
    ) {
        self.configuration = configuration
        self.window = max(1, window)
        self.closeGrace = closeGrace
        self.logger = logger
    }

    /// Connects and publishes until the task is cancelled. Can be called once.
    ///
    /// On cancellation new and unsent messages end as `.closed`, confirms are waited for (at most `closeGrace`), and
    /// the connection is closed. Throws only if no thread or file descriptor could be had, or on a second call.
    public func run() async throws(BrokerError) {
        let isFirst = mailbox.update { contents in
            defer { contents.hasRun = true }
            return !contents.hasRun
        }
        guard isFirst else { throw BrokerError(.connectionClosed, "the publisher was run before") }
        defer { end() }
        try mailbox.checkUsable()
        let hasRun = await withTaskCancellationHandler {
            await IOThread.run(named: "amqp-publish") { [self] in
                PublisherLoop(publisher: self, states: broadcaster).run()
            }
        } onCancel: {
            mailbox.post { $0.isStopping = true }
        }
        guard hasRun else { throw BrokerError(.unreachable, "no thread could be made for the connection") }
    }

    /// Publishes a message and waits for the broker's confirm.
    ///
    /// Waits for a connection too, also before `run`. Cancelling the task ends the wait at once.
    ///
    /// - Parameter deadline: nil waits for ever.
    public func publish(
        _ message: OutboundMessage, deadline: ContinuousClock.Instant? = nil
    ) async throws(PublishError) {
        try message.validate()
        let submission = Submission(message)
        let isTaken = mailbox.post { contents in
            guard !contents.isClosed, !contents.isStopping else { return false }
            contents.submitted.append(submission)
            return true
        }
        guard isTaken else { throw .closed(mayHaveBeenDelivered: false) }
        let result = await withTaskCancellationHandler {
            guard let deadline else { return await submission.result() }
            return await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    // Cancelled when there is a result.
                    guard (try? await ContinuousClock().sleep(until: deadline)) != nil else { return }
                    submission.end(.failure(.deadlineExceeded(mayHaveBeenDelivered: submission.isSent)))
                }
                let result = await submission.result()
                group.cancelAll()
                return result
            }
        } onCancel: {
            submission.end(.failure(.cancelled(mayHaveBeenDelivered: submission.isSent)))
        }
        if case .failure = result, !submission.isSent {
            // Where nothing can be sent, what was given up must not pile up.
            mailbox.update { contents in contents.submitted.removeAll { $0 === submission } }
        }
        try result.get()
    }

    /// Drops the connection and makes it anew; what is unconfirmed ends as `.connectionLost`.
    ///
    /// For a connection that looks alive and confirms nothing.
    ///
    /// - Parameter reason: told as the error with which the connection ended.
    public func renew(because reason: String) { mailbox.post { $0.renewal = reason } }

    /// What the connection does, from now on, beginning with the present state. A stream for each listener.
    public var states: AsyncStream<ConnectionState> { broadcaster.stream() }

    public var state: ConnectionState { broadcaster.current }

    public var statistics: Statistics { counts.withLock { $0 } }

    private func end() {
        let rest = mailbox.update { contents in
            contents.isClosed = true
            defer { contents.submitted = [] }
            return contents.submitted
        }
        for submission in rest { submission.end(.failure(.closed(mayHaveBeenDelivered: submission.isSent))) }
    }
}

extension OutboundMessage {
    /// A header frame must fit into a frame; the rest is left to method and other properties.
    private static let maximumHeaderSize = 65_536

    /// The library cuts a length to one byte and breaks the stream on headers over a frame, so both are refused here.
    func validate() throws(PublishError) {
        var names = [exchange, routingKey]
        for name in [
            properties.contentType, properties.contentEncoding, properties.correlationID, properties.replyTo,
            properties.expiration, properties.messageID, properties.type, properties.userID, properties.appID,
        ] {
            if let name { names.append(name) }
        }
        for name in names where name.utf8.count > 255 {
            throw .invalid("'\(name.prefix(40))…' is longer than 255 bytes")
        }
        if let headers = properties.headers, headers.isEmpty == false, headers.wireSize > Self.maximumHeaderSize {
            throw .invalid("the headers take more than \(Self.maximumHeaderSize) bytes")
        }
    }
}

extension FieldTable {
    /// An upper bound of the bytes on the wire.
    var wireSize: Int { reduce(4) { $0 + 2 + $1.key.utf8.count + $1.value.wireSize } }
}

extension FieldValue {
    var wireSize: Int {
        switch self {
        case .string(let text): 5 + text.utf8.count
        case .bytes(let bytes): 5 + bytes.count
        case .array(let values): values.reduce(5) { $0 + $1.wireSize }
        case .table(let table): 1 + table.wireSize
        default: 9
        }
    }
}
