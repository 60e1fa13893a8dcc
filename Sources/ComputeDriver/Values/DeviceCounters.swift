// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// What went through one disk since the guest's start.
public struct BlockCounters: Sendable, Hashable {
    /// `vda`.
    public let device: String
    public let readRequests: Int64
    public let read: ByteCount
    public let writeRequests: Int64
    public let written: ByteCount
    /// -1 where the hypervisor does not count them.
    public let errors: Int64

    public init(
        device: String, readRequests: Int64, read: ByteCount, writeRequests: Int64, written: ByteCount, errors: Int64
    ) {
        self.device = device
        self.readRequests = readRequests
        self.read = read
        self.writeRequests = writeRequests
        self.written = written
        self.errors = errors
    }
}

/// What went through one interface since the guest's start.
public struct InterfaceCounters: Sendable, Hashable {
    /// The interface's name on the host.
    public let device: String
    public let received: ByteCount
    public let receivedPackets: Int64
    public let receiveErrors: Int64
    public let receiveDrops: Int64
    public let sent: ByteCount
    public let sentPackets: Int64
    public let sendErrors: Int64
    public let sendDrops: Int64

    public init(
        device: String, received: ByteCount, receivedPackets: Int64, receiveErrors: Int64, receiveDrops: Int64,
        sent: ByteCount, sentPackets: Int64, sendErrors: Int64, sendDrops: Int64
    ) {
        self.device = device
        self.received = received
        self.receivedPackets = receivedPackets
        self.receiveErrors = receiveErrors
        self.receiveDrops = receiveDrops
        self.sent = sent
        self.sentPackets = sentPackets
        self.sendErrors = sendErrors
        self.sendDrops = sendDrops
    }
}
