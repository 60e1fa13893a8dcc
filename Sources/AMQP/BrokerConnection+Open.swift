// SPDX-License-Identifier: Apache-2.0

internal import CRabbitMQ
internal import Glibc

extension BrokerConnection {
    /// A whole frame of RabbitMQ; it lowers it if it wants.
    private static let wantedFrameMaximum: Int32 = 131_072

    static func openSocket(
        _ state: amqp_connection_state_t, _ endpoint: BrokerEndpoint, _ configuration: BrokerConfiguration
    ) throws(BrokerError) {
        let socket: OpaquePointer
        if let tls = configuration.tls {
            socket = try tlsSocket(state, tls, host: endpoint.host)
        } else {
            guard let plain = amqp_tcp_socket_new(state) else { throw BrokerError(.unreachable, "out of memory") }
            socket = plain
        }
        // What is told of a failure is not to be that of an older one.
        crabbitmq_clear_tls_cause()
        var timeout = timeval(configuration.connectTimeout)
        let status = amqp_socket_open_noblock(socket, endpoint.host, Int32(endpoint.port), &timeout)
        guard status == AMQP_STATUS_OK.rawValue else { throw openError(status, endpoint) }
    }

    private static func openError(_ status: Int32, _ endpoint: BrokerEndpoint) -> BrokerError {
        let address = endpoint.address
        let text = String(cString: amqp_error_string2(status))
        return switch status {
        case AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED.rawValue:
            BrokerError(.hostNameRefused, "\(address): the broker's certificate is for another host name")
        case AMQP_STATUS_SSL_PEER_VERIFY_FAILED.rawValue:
            BrokerError(
                .certificateRefused,
                "\(address): the broker's certificate is not signed by a trusted authority, is out of date, "
                    + "or is for another address")
        case AMQP_STATUS_SSL_ERROR.rawValue, AMQP_STATUS_SSL_CONNECTION_FAILED.rawValue:
            BrokerError(.tlsFailed, "\(address): \(text)" + (tlsCause().map { ": \($0)" } ?? ""))
        case AMQP_STATUS_SOCKET_ERROR.rawValue:
            BrokerError(.unreachable, "\(address): \(SocketProbe.cause(endpoint) ?? text)")
        case AMQP_STATUS_HOSTNAME_RESOLUTION_FAILED.rawValue:
            BrokerError(.unreachable, "\(address): the host name can't be resolved")
        case AMQP_STATUS_TIMEOUT.rawValue: BrokerError(.unreachable, "\(address): no connection in time")
        default: BrokerError(.unreachable, "\(address): \(text)")
        }
    }

    /// What OpenSSL has left of this thread's last failure.
    private static func tlsCause() -> String? {
        crabbitmq_tls_cause().map { String(cString: $0) }
    }

    private static func tlsSocket(
        _ state: amqp_connection_state_t, _ tls: TLSConfiguration, host: String
    ) throws(BrokerError) -> OpaquePointer {
        guard let socket = amqp_ssl_socket_new(state) else { throw BrokerError(.tlsFailed, "no TLS context") }
        try check(
            amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST), "TLS 1.2 cannot be asked for")
        if tls.verifiesPeer {
            let authorities = tls.authorityFile ?? TLSConfiguration.systemAuthorities
            try check(
                amqp_ssl_socket_set_cacert(socket, authorities),
                "the authorities' certificates in \(authorities) cannot be read")
        }
        if let certificate = tls.certificateFile {
            try check(
                amqp_ssl_socket_set_key(socket, certificate, tls.keyFile ?? certificate),
                "the client's certificate \(certificate) or its key cannot be read")
        }
        amqp_ssl_socket_set_verify_peer(socket, tls.verifiesPeer ? 1 : 0)
        let isAddress = isAddress(host)
        let verifiesName = tls.verifiesPeer && tls.verifiesHostName
        amqp_ssl_socket_set_verify_hostname(socket, verifiesName && !isAddress ? 1 : 0)
        if verifiesName && isAddress {
            // The library compares names only. OpenSSL compares the address as part of the chain's verification.
            guard crabbitmq_expect_address(socket, host) == 1 else {
                throw BrokerError(.tlsFailed, "the address \(host) cannot be verified; give the broker's host name")
            }
        }
        return socket
    }

    private static func check(_ status: Int32, _ sentence: String) throws(BrokerError) {
        guard status == AMQP_STATUS_OK.rawValue else { throw BrokerError(.tlsFailed, sentence) }
    }

    private static func isAddress(_ host: String) -> Bool {
        var four = in_addr()
        var six = in6_addr()
        return inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1
    }

    static func login(
        _ state: amqp_connection_state_t, _ encoder: WireEncoder, _ endpoint: BrokerEndpoint,
        _ configuration: BrokerConfiguration
    ) throws(BrokerError) {
        var timeout = timeval(configuration.connectTimeout)
        amqp_set_handshake_timeout(state, &timeout)
        // amqp_login announces none of these: without the first the broker is silent when a queue goes.
        var properties = encoder.table([
            "product": "compute-worker",
            "connection_name": .string(configuration.connectionName),
            "capabilities": .table([
                "consumer_cancel_notify": true, "connection.blocked": true, "authentication_failure_close": true,
                "publisher_confirms": true, "basic.nack": true,
            ]),
        ])
        let heartbeat = Int32(clamping: min(65535, configuration.heartbeat.components.seconds))
        let reply =
            switch configuration.loginMethod {
            case .plain:
                crabbitmq_login_plain(
                    state, configuration.virtualHost, 0, wantedFrameMaximum, heartbeat, &properties, endpoint.user,
                    endpoint.password)
            case .external:
                crabbitmq_login_external(
                    state, configuration.virtualHost, 0, wantedFrameMaximum, heartbeat, &properties, endpoint.user)
            }
        switch reply.reply_type {
        case AMQP_RESPONSE_NORMAL: return
        case AMQP_RESPONSE_SERVER_EXCEPTION:
            if reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD, let decoded = reply.reply.decoded {
                let close = decoded.assumingMemoryBound(to: amqp_connection_close_t.self).pointee
                throw closeError(close, at: endpoint.address)
            }
            throw BrokerError(.connectionClosed, "\(endpoint.address): the broker refused the login")
        default:
            throw Self.error(reply.library_error, doing: "\(endpoint.address): logging in")
        }
    }

    static func closeError(_ close: amqp_connection_close_t, at address: String) -> BrokerError {
        let text = WireDecoder.string(close.reply_text)
        let code: BrokerError.Code =
            switch close.reply_code {
            case 403: .accessRefused
            // A virtual host that is down is one that a broker has not started yet, or starts again.
            case 530 where text.hasSuffix(" is down"): .connectionClosed
            case 530: .notAllowed
            default: .connectionClosed
            }
        return BrokerError(code, "\(address): the broker closed the connection: \(text)", replyCode: close.reply_code)
    }
}
