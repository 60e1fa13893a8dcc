// SPDX-License-Identifier: Apache-2.0

internal import CRabbitMQ
internal import Logging

/// What the owner of a session does with frames of its channel.
protocol SessionOwner: AnyObject {
    /// A frame of the main channel; its memory is valid during the call only. No calls from here.
    func handle(_ frame: amqp_frame_t) throws(BrokerError)
    /// The broker blocks publishers (with its reason), or no longer (nil).
    func blockedChanged(_ reason: String?)
    /// Whether a wait should be given up, because the connection is to be closed.
    var isStopping: Bool { get }
}

/// A connection that is logged in, with one channel for messages and one for declarations.
///
/// All answers are awaited here rather than in the library, so that deliveries that come between are assembled frame by
/// frame instead of being stored in it. A refused declaration closes its own channel and harms no message.
final class BrokerSession {
    static let mainChannel: UInt16 = 1
    private static let declaringChannel: UInt16 = 2

    let connection: BrokerConnection
    let address: String
    let logger: Logger
    private let configuration: BrokerConfiguration
    private unowned let owner: any SessionOwner
    private(set) var blockedReason: String?
    private var declaringChannelIsOpen = false

    init(
        endpoint: BrokerEndpoint, configuration: BrokerConfiguration, owner: any SessionOwner, logger: Logger
    ) throws(BrokerError) {
        connection = try BrokerConnection(endpoint: endpoint, configuration: configuration)
        address = endpoint.address
        self.owner = owner
        self.configuration = configuration
        self.logger = logger
    }

    // MARK: Frames

    /// Reads what has come, at most so many frames; false when the socket had less.
    func drain(atMost limit: Int = 256) throws(BrokerError) -> Bool {
        for _ in 0..<limit {
            guard let frame = try connection.nextFrame(within: .zero) else {
                connection.releaseBuffersNow()
                return false
            }
            try dispatch(frame)
        }
        return true
    }

    private func dispatch(_ frame: amqp_frame_t) throws(BrokerError) {
        var size = 256
        switch frame.channel {
        case 0: try handleConnection(frame)
        case Self.mainChannel:
            if frame.frame_type == UInt8(AMQP_FRAME_BODY) { size = frame.payload.body_fragment.len }
            try owner.handle(frame)
        default:
            // A late answer to a declaration that was given up.
            break
        }
        connection.releaseBuffers(after: size)
    }

    private func handleConnection(_ frame: amqp_frame_t) throws(BrokerError) {
        guard frame.frame_type == UInt8(AMQP_FRAME_METHOD) else { return }
        let method = frame.payload.method
        switch method.id {
        case AMQP_CONNECTION_CLOSE_METHOD:
            let close = try method.fields(as: amqp_connection_close_t.self)
            let error = BrokerConnection.closeError(close, at: address)
            // Courtesy only: the connection ends for the broker's reason, whether or not this still goes out.
            try? connection.send(AMQP_CONNECTION_CLOSE_OK_METHOD, on: 0, amqp_connection_close_ok_t())
            throw error
        case AMQP_CONNECTION_BLOCKED_METHOD:
            let reason = WireDecoder.string(try method.fields(as: amqp_connection_blocked_t.self).reason)
            blockedReason = reason
            owner.blockedChanged(reason)
        case AMQP_CONNECTION_UNBLOCKED_METHOD:
            blockedReason = nil
            owner.blockedChanged(nil)
        default: break
        }
    }

    // MARK: Calls

    /// Sends a method and waits for its answer; frames that come before it take their usual way.
    ///
    /// A `channel.close` is answered and thrown as `.channelClosed`. The time does not count while the broker blocks.
    @discardableResult
    func call<Method: BitwiseCopyable>(
        _ method: UInt32, on channel: UInt16 = mainChannel, _ fields: Method, expecting reply: UInt32
    ) throws(BrokerError) -> amqp_method_t {
        try connection.send(method, on: channel, fields)
        var deadline = ContinuousClock.now + configuration.replyTimeout
        while true {
            guard let frame = try connection.nextFrame(within: .milliseconds(250)) else {
                if blockedReason != nil { deadline = .now + configuration.replyTimeout }
                if owner.isStopping { throw BrokerError(.timedOut, "\(address): closing") }
                if .now > deadline {
                    throw BrokerError(.timedOut, "\(address): the broker did not answer in time")
                }
                continue
            }
            if frame.channel == channel, frame.frame_type == UInt8(AMQP_FRAME_METHOD) {
                if frame.payload.method.id == reply { return frame.payload.method }
                if frame.payload.method.id == AMQP_CHANNEL_CLOSE_METHOD {
                    throw try closedChannel(frame.payload.method, channel)
                }
            }
            try dispatch(frame)
        }
    }

    /// Answers a `channel.close`; the channel's number is free again.
    func closedChannel(_ method: amqp_method_t, _ channel: UInt16) throws(BrokerError) -> BrokerError {
        let close = try method.fields(as: amqp_channel_close_t.self)
        let text = WireDecoder.string(close.reply_text)
        let code = close.reply_code
        if channel == Self.declaringChannel { declaringChannelIsOpen = false }
        try connection.send(AMQP_CHANNEL_CLOSE_OK_METHOD, on: channel, amqp_channel_close_ok_t())
        return BrokerError(.channelClosed, "\(address): the broker closed the channel: \(text)", replyCode: code)
    }

    func openChannel(_ channel: UInt16 = mainChannel) throws(BrokerError) {
        try call(
            AMQP_CHANNEL_OPEN_METHOD, on: channel, amqp_channel_open_t(), expecting: AMQP_CHANNEL_OPEN_OK_METHOD)
    }

    /// Calls on the channel for declarations, opening it when it is not open.
    private func declaringCall<Method: BitwiseCopyable>(
        _ method: UInt32, _ fields: Method, expecting reply: UInt32
    ) throws(BrokerError) -> amqp_method_t {
        if !declaringChannelIsOpen {
            try openChannel(Self.declaringChannel)
            declaringChannelIsOpen = true
        }
        return try call(method, on: Self.declaringChannel, fields, expecting: reply)
    }

    // MARK: Declarations

    func declare(_ exchange: Exchange) throws(BrokerError) {
        guard !exchange.name.isEmpty else { return }
        try Self.checkNames(exchange.name)
        try retryingDurable("exchange", exchange.name, exchange.durable) { durable throws(BrokerError) in
            var fields = amqp_exchange_declare_t()
            fields.exchange = connection.encoder.bytes(exchange.name)
            fields.type = connection.encoder.bytes(exchange.kind.rawValue)
            fields.passive = exchange.passive ? 1 : 0
            fields.durable = durable ? 1 : 0
            fields.auto_delete = exchange.autoDelete ? 1 : 0
            fields.arguments = connection.encoder.table(exchange.arguments)
            _ = try declaringCall(
                AMQP_EXCHANGE_DECLARE_METHOD, fields, expecting: AMQP_EXCHANGE_DECLARE_OK_METHOD)
        }
    }

    /// Returns the queue's name, which the broker makes when none is given.
    func declare(_ queue: Queue) throws(BrokerError) -> String {
        try Self.checkNames(queue.name)
        var name = queue.name
        try retryingDurable("queue", queue.name, queue.durable) { durable throws(BrokerError) in
            var fields = amqp_queue_declare_t()
            fields.queue = connection.encoder.bytes(queue.name)
            fields.passive = queue.passive ? 1 : 0
            fields.durable = durable ? 1 : 0
            fields.exclusive = queue.exclusive ? 1 : 0
            fields.auto_delete = queue.autoDelete ? 1 : 0
            fields.arguments = connection.encoder.table(queue.arguments)
            let reply = try declaringCall(AMQP_QUEUE_DECLARE_METHOD, fields, expecting: AMQP_QUEUE_DECLARE_OK_METHOD)
            name = WireDecoder.string(try reply.fields(as: amqp_queue_declare_ok_t.self).queue)
        }
        return name
    }

    func bind(_ binding: Binding, queue: String) throws(BrokerError) {
        guard !binding.exchange.isEmpty else { return }
        try Self.checkNames(binding.exchange, binding.routingKey, queue)
        defer { connection.encoder.reset() }
        var fields = amqp_queue_bind_t()
        fields.queue = connection.encoder.bytes(queue)
        fields.exchange = connection.encoder.bytes(binding.exchange)
        fields.routing_key = connection.encoder.bytes(binding.routingKey)
        fields.arguments = connection.encoder.table(binding.arguments)
        do {
            _ = try declaringCall(AMQP_QUEUE_BIND_METHOD, fields, expecting: AMQP_QUEUE_BIND_OK_METHOD)
        } catch {
            throw Self.refusedDeclaration(error)
        }
    }

    /// Declares, and once more with the other value of `durable` if that is what the broker objects to.
    private func retryingDurable(
        _ kind: String, _ name: String, _ durable: Bool, _ declare: (Bool) throws(BrokerError) -> Void
    ) throws(BrokerError) {
        defer { connection.encoder.reset() }
        do {
            try declare(durable)
        } catch {
            guard error.replyCode == 406, error.message.contains("'durable'") else {
                throw Self.refusedDeclaration(error)
            }
            logger.notice(
                "exists with the other value of durable; taken as it is",
                metadata: ["amqp.\(kind)": "\(name)", "wanted": "\(durable)"])
            do {
                try declare(!durable)
            } catch {
                throw Self.refusedDeclaration(error)
            }
        }
    }

    private static func refusedDeclaration(_ error: BrokerError) -> BrokerError {
        guard error.code == .channelClosed else { return error }
        // A locked queue is unlocked one day, and what is missing (404) made, without a change of settings.
        let code: BrokerError.Code =
            switch error.replyCode {
            case 403: .accessRefused
            case 404: .channelClosed
            case 405: .queueLocked
            default: .declarationRefused
            }
        return BrokerError(code, error.message, replyCode: error.replyCode)
    }

    /// The library writes a name's length into one byte, whatever it is.
    static func checkNames(_ names: String...) throws(BrokerError) {
        for name in names where name.utf8.count > 255 {
            throw BrokerError(.declarationRefused, "the name '\(name.prefix(40))…' is longer than 255 bytes")
        }
    }

    // MARK: Closing

    /// Says goodbye, and waits a moment for the answer. What comes meanwhile is dropped.
    func close() {
        // A broker that blocks us reads nothing.
        guard blockedReason == nil else { return }
        do throws(BrokerError) {
            var fields = amqp_connection_close_t()
            fields.reply_code = 200
            try connection.send(AMQP_CONNECTION_CLOSE_METHOD, on: 0, fields)
            let deadline = ContinuousClock.now + .seconds(2)
            while .now < deadline {
                guard let frame = try connection.nextFrame(within: .milliseconds(100)) else { continue }
                if frame.channel == 0, frame.frame_type == UInt8(AMQP_FRAME_METHOD),
                    frame.payload.method.id == AMQP_CONNECTION_CLOSE_OK_METHOD
                {
                    return
                }
                connection.releaseBuffers(after: 65_536)
            }
        } catch {
            logger.debug("connection went while it was being closed", metadata: ["error": "\(error)"])
        }
    }
}

extension amqp_method_t {
    /// The decoded fields, which the caller knows by the method's number.
    func fields<Fields>(as type: Fields.Type) throws(BrokerError) -> Fields {
        guard let decoded else { throw BrokerError(.protocolViolation, "a method without its fields") }
        return decoded.assumingMemoryBound(to: type).pointee
    }
}
