// SPDX-License-Identifier: Apache-2.0

internal import AMQP
internal import ComputeModel
internal import OsloMessaging

extension BrokerConfiguration {
    /// A connection as nova.conf describes it; options in the URL's query stand over those of the file.
    ///
    /// - Parameter purpose: follows the program's name in the broker's list of connections.
    /// - Throws: `TransportURLError`, without the URL's secrets.
    init(_ url: Secret<String>, _ options: ConnectionOptions, purpose: String) throws(TransportURLError) {
        try self.init(
            transportURL: url.reveal(), tls: options.tls.map { TLSConfiguration($0) },
            tlsOnRequest: TLSConfiguration(options.tlsOnRequest)
        ) { configuration in
            // AMQPLAIN carries the same user and password as PLAIN, which every RabbitMQ takes.
            if options.loginMethod == .external { configuration.loginMethod = .external }
            configuration.heartbeat = options.heartbeat ?? .zero
            configuration.reconnect = ReconnectPolicy(
                initial: options.retryInterval, step: options.retryBackoff, maximum: options.retryMaximum)
            configuration.connectionName = "compute-worker:\(purpose)"
        }
    }
}

extension TLSConfiguration {
    /// The chain is verified whatever the options say; they can only leave out the host's name.
    init(_ options: TLSOptions) {
        self.init(
            authorityFile: options.caFile, certificateFile: options.certificateFile, keyFile: options.keyFile,
            verifiesHostName: options.verifiesHostName)
    }
}

extension TopologyOptions {
    /// Exchanges and queues as nova.conf describes them.
    init(_ messaging: MessagingOptions) {
        self.init()
        let queues = messaging.queues
        controlExchange = messaging.controlExchange
        isDurable = queues.isDurable
        isAutoDelete = queues.isAutoDelete
        isMirrored = queues.isMirrored
        isQuorum = queues.isQuorum
        quorumLimits.deliveryLimit = queues.quorumDeliveryLimit ?? 0
        quorumLimits.maximumMemoryLength = queues.quorumMaxMemoryLength ?? 0
        quorumLimits.maximumMemoryBytes = queues.quorumMaxMemoryBytes ?? 0
        isTransientQuorum = queues.isTransientQuorum
        transientQueueExpiry = queues.transientTTL.map { Int($0.components.seconds) } ?? 0
        cancelsOnFailover = queues.cancelsOnFailover
        fanoutForm = queues.fanout == .exclusive ? .folsom : .expiring
        deadLetterCount = messaging.deadLetterMaxLength
        deadLetterAge = Int(messaging.deadLetterTTL.components.seconds)
    }
}

extension NotificationOptions {
    /// The forms in which notifications are written.
    var forms: [NotificationForm] {
        drivers.compactMap { driver in
            switch driver {
            case .noop: nil
            case .messaging: .messaging
            case .messagingv2: .messagingV2
            case .rabbitNotifier: .flat
            }
        }
    }
}
