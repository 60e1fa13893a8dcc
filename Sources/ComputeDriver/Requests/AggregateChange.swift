// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// A host that joins or leaves a pool.
public struct AggregateChange: Sendable {
    public enum Kind: Sendable, Hashable { case joining, leaving }

    public let aggregateID: Int
    /// The host that joins or leaves.
    public let host: String
    /// What the pool's master must know of a host that joins.
    public let slaveInfo: JSONObject?

    public init(aggregateID: Int, host: String, slaveInfo: JSONObject? = nil) {
        self.aggregateID = aggregateID
        self.host = host
        self.slaveInfo = slaveInfo
    }
}
