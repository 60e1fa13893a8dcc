// SPDX-License-Identifier: Apache-2.0

internal import AMQP
internal import ComputeManager
internal import ComputeModel
internal import Logging
internal import OsloMessaging

extension Peers {
    /// The services as nova.conf describes them.
    init(_ configuration: WorkerConfiguration, _ client: PeerClient) {
        let options = configuration.peers
        let network: any NetworkPort =
            switch options.network {
            case .none: NoNetwork()
            case .rpc: RPCNetwork(client: client, topic: options.networkTopic)
            }
        let volumes: any VolumePort =
            switch options.volumes {
            case .none: NoVolumes()
            case .local: LocalVolumes(directory: options.localVolumesPath)
            case .rpc: RPCVolumes(client: client, topic: options.volumeTopic, host: options.volumeHost)
            }
        let tokens: any ConsoleTokenPort =
            switch options.consoleTokens {
            case .none: NoConsoleTokens()
            case .rpc: RPCConsoleTokens(client: client, topic: options.consoleTokenTopic)
            }
        self.init(
            network: network, volumes: volumes, consoleTokens: tokens,
            computes: RPCComputes(client: client, topic: configuration.messaging.topic))
    }
}

extension PeerClient {
    /// - Throws: `TransportURLError`.
    convenience init(_ configuration: WorkerConfiguration, topology: RPCTopology, logger: Logger) throws {
        let messaging = configuration.messaging
        let form: WireForm =
            switch configuration.peers.format {
            case .flat: .flat
            case .enveloped: .enveloped
            }
        self.init(
            client: RPCClient(
                configuration: try BrokerConfiguration(
                    messaging.transportURL, messaging.connection, purpose: "\(configuration.host):ask"),
                topology: topology, form: form, logger: logger),
            timeout: messaging.responseTimeout)
    }
}
