// SPDX-License-Identifier: Apache-2.0

internal import Configuration

/// Who answers what the worker asks of the other services of a deployment.
public struct PeerOptions: Sendable, Equatable {
    /// `[compute_worker] network_api`.
    public var network: NetworkAPI
    /// `[compute_worker] volume_api`.
    public var volumes: VolumeAPI
    /// `[compute_worker] consoleauth`.
    public var consoleTokens: ConsoleAuth
    /// `[compute_worker] peer_message_format`.
    public var format: PeerMessageFormat
    /// `[compute_worker] volume_host`; nil for any one that serves the topic.
    public var volumeHost: String?
    /// `[compute_worker] local_volumes_path`.
    public var localVolumesPath: String
    /// `[DEFAULT] network_topic`.
    public var networkTopic: String
    /// `[DEFAULT] volume_topic`.
    public var volumeTopic: String
    /// `[DEFAULT] consoleauth_topic`.
    public var consoleTokenTopic: String

    init(config: ConfigReader) throws {
        let worker = config.scoped(to: "compute_worker")
        network = try worker.requiredString(forKey: "network_api", as: NetworkAPI.self)
        volumes = try worker.requiredString(forKey: "volume_api", as: VolumeAPI.self)
        consoleTokens = try worker.requiredString(forKey: "consoleauth", as: ConsoleAuth.self)
        format = try worker.requiredString(forKey: "peer_message_format", as: PeerMessageFormat.self)
        volumeHost = worker.string(forKey: "volume_host")
        localVolumesPath = try worker.requiredString(forKey: "local_volumes_path")
        networkTopic = try config.requiredString(forKey: "network_topic")
        volumeTopic = try config.requiredString(forKey: "volume_topic")
        consoleTokenTopic = try config.requiredString(forKey: "consoleauth_topic")
    }
}

/// Who gives instances their network.
public enum NetworkAPI: String, Sendable, Hashable, CaseIterable {
    case none
    /// Nova-network.
    case rpc
}

/// Who has the volumes.
public enum VolumeAPI: String, Sendable, Hashable, CaseIterable {
    case none
    /// Files of this host.
    case local
    /// Nova-volume.
    case rpc
}

/// Who knows the tokens of the instances' consoles.
public enum ConsoleAuth: String, Sendable, Hashable, CaseIterable {
    case none
    /// Nova-consoleauth.
    case rpc
}

/// The form in which other services are asked.
public enum PeerMessageFormat: String, Sendable, Hashable, CaseIterable {
    /// Folsom's.
    case flat
    /// oslo.messaging's.
    case enveloped
}
