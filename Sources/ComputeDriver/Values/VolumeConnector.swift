// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// What a host is to a volume's storage.
public struct VolumeConnector: Sendable, Hashable {
    public let ip: String
    /// The host's iSCSI name; nil where it has none.
    public let initiator: String?
    public let host: String

    public init(ip: String, initiator: String?, host: String) {
        self.ip = ip
        self.initiator = initiator
        self.host = host
    }
}

extension VolumeConnector {
    /// Nova's `connector`.
    public var json: JSONValue { ["ip": .string(ip), "initiator": JSONValue(initiator), "host": .string(host)] }
}
