// SPDX-License-Identifier: Apache-2.0

internal import CRabbitMQ
internal import Glibc

/// One connection of the library, with TCP or TLS below. Confined to the thread that made it.
final class BrokerConnection {
    let state: amqp_connection_state_t
    let encoder = WireEncoder()
    /// The socket, for poll(2).
    let descriptor: Int32
    /// Negotiated; 0 is off.
    let heartbeat: Duration
    let frameMaximum: Int
    private var bytesSinceRelease = 0

    /// Connects, verifies, logs in and opens the virtual host; blocks for at most two connect timeouts.
    init(endpoint: BrokerEndpoint, configuration: BrokerConfiguration) throws(BrokerError) {
        guard let state = amqp_new_connection() else { throw BrokerError(.unreachable, "out of memory") }
        self.state = state
        do throws(BrokerError) {
            try Self.openSocket(state, endpoint, configuration)
            try Self.login(state, encoder, endpoint, configuration)
        } catch {
            amqp_destroy_connection(state)
            throw error
        }
        descriptor = amqp_get_sockfd(state)
        heartbeat = .seconds(Int64(amqp_get_heartbeat(state)))
        frameMaximum = Int(amqp_get_frame_max(state))
        encoder.reset()
    }

    deinit { amqp_destroy_connection(state) }

    /// The next frame; nil when none came in time. Serves the heartbeats.
    ///
    /// The frame's memory is valid until `releaseBuffers`.
    func nextFrame(within time: Duration) throws(BrokerError) -> amqp_frame_t? {
        var timeout = timeval(time)
        var frame = amqp_frame_t()
        let status = amqp_simple_wait_frame_noblock(state, &frame, &timeout)
        if status == AMQP_STATUS_OK.rawValue { return frame }
        if status == AMQP_STATUS_TIMEOUT.rawValue { return nil }
        throw Self.error(status, doing: "reading from the broker")
    }

    /// Gives the memory of frames back to the library, when enough has gathered. Nothing of a frame may be in use.
    func releaseBuffers(after bytes: Int) {
        bytesSinceRelease += bytes
        // A release walks over all pools; one for each frame would cost more than the frame.
        guard bytesSinceRelease >= 65_536 else { return }
        bytesSinceRelease = 0
        amqp_maybe_release_buffers(state)
    }

    func releaseBuffersNow() {
        bytesSinceRelease = 0
        amqp_maybe_release_buffers(state)
    }

    /// Whether frames wait inside the library, where poll(2) does not see them.
    var hasBufferedFrames: Bool { amqp_frames_enqueued(state) != 0 || amqp_data_in_buffer(state) != 0 }

    func send<Method: BitwiseCopyable>(_ method: UInt32, on channel: UInt16, _ fields: Method) throws(BrokerError) {
        var fields = fields
        let status = amqp_send_method(state, channel, method, &fields)
        guard status == AMQP_STATUS_OK.rawValue else { throw Self.error(status, doing: "writing to the broker") }
    }

    /// Whether the socket takes bytes without waiting.
    var isWritable: Bool {
        var descriptor = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&descriptor, 1, 0) > 0
    }

    static func error(_ status: Int32, doing what: String) -> BrokerError {
        let text = String(cString: amqp_error_string2(status))
        return switch status {
        case AMQP_STATUS_HEARTBEAT_TIMEOUT.rawValue:
            BrokerError(.heartbeatLost, "\(what): nothing was heard for two heartbeat intervals")
        case AMQP_STATUS_TIMEOUT.rawValue: BrokerError(.timedOut, "\(what): the broker did not answer in time")
        case AMQP_STATUS_TABLE_TOO_BIG.rawValue, AMQP_STATUS_BAD_AMQP_DATA.rawValue,
            AMQP_STATUS_UNKNOWN_CLASS.rawValue, AMQP_STATUS_UNKNOWN_METHOD.rawValue:
            BrokerError(.protocolViolation, "\(what): \(text)")
        default: BrokerError(.socketFailed, "\(what): \(text)")
        }
    }
}

extension timeval {
    init(_ duration: Duration) {
        let (seconds, attoseconds) = max(duration, .zero).components
        self.init(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
    }
}
