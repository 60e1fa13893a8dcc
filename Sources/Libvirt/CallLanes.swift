// SPDX-License-Identifier: Apache-2.0

/// The lanes of a connection and how long their calls may take.
///
/// They are apart so that what takes long can't keep a short call, such as a power-off, from its turn.
public struct CallLanes: Sendable {
    /// Look-ups, states, destroy, undefine.
    public let short: CallLane
    /// Opening, starting a guest.
    public let long: CallLane
    /// What takes as long as memory and disks are large: saving, restoring, migrating.
    public let transfer: CallLane
    /// The guests whose calls were given up and have not returned.
    public let overdue = OverdueCalls()
    public var shortDeadline: Duration
    public var longDeadline: Duration
    public var transferDeadline: Duration

    public init(
        short: CallLane = CallLane(name: "virt-short", threads: 8, spareThreads: 8),
        long: CallLane = CallLane(name: "virt-long", threads: 4, spareThreads: 4),
        transfer: CallLane = CallLane(name: "virt-move", threads: 4, spareThreads: 4),
        shortDeadline: Duration = .seconds(60), longDeadline: Duration = .seconds(300),
        transferDeadline: Duration = .seconds(86_400)
    ) {
        self.short = short
        self.long = long
        self.transfer = transfer
        self.shortDeadline = shortDeadline
        self.longDeadline = longDeadline
        self.transferDeadline = transferDeadline
    }

    /// Which lane a call takes.
    enum Choice: Sendable { case short, long, transfer }

    func run<Value: Sendable>(
        _ operation: String, on choice: Choice, isAbandonable: Bool = false,
        lateness: (@Sendable (CallLane.Lateness) -> Void)? = nil,
        _ body: @escaping @Sendable () throws(LibvirtError) -> Value
    ) async throws(LibvirtError) -> Value {
        let (lane, deadline) =
            switch choice {
            case .short: (short, shortDeadline)
            case .long: (long, longDeadline)
            case .transfer: (transfer, transferDeadline)
            }
        return try await lane.run(
            operation, within: deadline, isAbandonable: isAbandonable, lateness: lateness, body)
    }
}
