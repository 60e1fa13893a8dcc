// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver

/// How long each driver call may take.
public struct DriverDeadlines: Sendable, Hashable {
    /// Building a guest.
    public var spawn: Duration
    /// A reboot, the wait for a guest that is asked softly included.
    public var reboot: Duration
    /// Removing, stopping or starting a guest.
    public var change: Duration
    /// Questions.
    public var question: Duration
    /// Moving disks or memory.
    public var transfer: Duration
    /// How long a call that may be repeated is repeated while the hypervisor can't be reached.
    public var reconnection: Duration

    public init(
        spawn: Duration = .seconds(600), reboot: Duration = .seconds(300), change: Duration = .seconds(120),
        question: Duration = .seconds(30), transfer: Duration = .seconds(14_400),
        reconnection: Duration = .seconds(30)
    ) {
        self.spawn = spawn
        self.reboot = reboot
        self.change = change
        self.question = question
        self.transfer = transfer
        self.reconnection = reconnection
    }

    subscript(operation: DriverOperation) -> Duration {
        switch operation.pace {
        case .build: spawn
        case .reboot: reboot
        case .change: change
        case .question: question
        case .transfer: transfer
        }
    }
}

extension DriverOperation {
    /// Whether it changes nothing.
    var isQuestion: Bool { pace == .question }
}
