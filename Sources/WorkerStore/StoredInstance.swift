// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// An instance as the worker knows it, with what belongs to it.
public struct StoredInstance: Sendable, Hashable, Identifiable {
    /// The instance; its states, host and times are the worker's own, not a cast's.
    public var instance: Instance
    /// The network interfaces as the network service described them last.
    public var networkInfo: [JSONValue]
    /// What the manager keeps beside it (image metadata, the context of the build); the store does not look into it.
    public var details: JSONObject
    /// When the row was written last.
    public let updatedAt: Timestamp

    public var id: InstanceID { instance.id }

    public init(
        instance: Instance, networkInfo: [JSONValue] = [], details: JSONObject = JSONObject(), updatedAt: Timestamp
    ) {
        self.instance = instance
        self.networkInfo = networkInfo
        self.details = details
        self.updatedAt = updatedAt
    }
}

/// Something outside that was made for an instance, written down before it was made.
public struct StoredResource: Sendable, Hashable {
    /// What sort of thing it is (`domain`, `directory`, `port`).
    public let kind: String
    /// Its name among things of that kind.
    public let name: String
    public let instance: InstanceID

    public init(kind: String, name: String, instance: InstanceID) {
        self.kind = kind
        self.name = name
        self.instance = instance
    }
}
