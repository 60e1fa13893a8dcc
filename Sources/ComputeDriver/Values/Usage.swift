// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// What went through one interface of an instance.
public struct InterfaceUsage: Sendable, Hashable {
    public let instance: InstanceID
    public let macAddress: String
    public let received: ByteCount
    public let sent: ByteCount

    public init(instance: InstanceID, macAddress: String, received: ByteCount, sent: ByteCount) {
        self.instance = instance
        self.macAddress = macAddress
        self.received = received
        self.sent = sent
    }
}

/// What went through one volume of an instance.
public struct VolumeUsage: Sendable, Hashable {
    public let instance: InstanceID
    public let volumeID: String
    public let counters: BlockCounters

    public init(instance: InstanceID, volumeID: String, counters: BlockCounters) {
        self.instance = instance
        self.volumeID = volumeID
        self.counters = counters
    }
}
