// SPDX-License-Identifier: Apache-2.0

/// The two lanes of a connection and how long their calls may take.
///
/// They are apart so that what takes long can't keep a short call, such as a power-off, from its turn.
public struct CallLanes: Sendable {
    /// Look-ups, states, destroy, undefine.
    public let short: CallLane
    /// Opening, starting a guest, saving, migrating.
    public let long: CallLane
    /// The guests whose calls were given up and have not returned.
    public let overdue = OverdueCalls()
    public var shortDeadline: Duration
    public var longDeadline: Duration

    public init(
        short: CallLane = CallLane(name: "virt-short", threads: 8, spareThreads: 8),
        long: CallLane = CallLane(name: "virt-long", threads: 4, spareThreads: 4),
        shortDeadline: Duration = .seconds(60), longDeadline: Duration = .seconds(300)
    ) {
        self.short = short
        self.long = long
        self.shortDeadline = shortDeadline
        self.longDeadline = longDeadline
    }

    /// Which lane a call takes.
    enum Choice: Sendable { case short, long }

    func run<Value: Sendable>(
        _ operation: String, on choice: Choice, isAbandonable: Bool = false,
        lateness: (@Sendable (CallLane.Lateness) -> Void)? = nil,
        _ body: @escaping @Sendable () throws(LibvirtError) -> Value
    ) async throws(LibvirtError) -> Value {
        let (lane, deadline) = choice == .short ? (short, shortDeadline) : (long, longDeadline)
        return try await lane.run(
            operation, within: deadline, isAbandonable: isAbandonable, lateness: lateness, body)
    }
}
