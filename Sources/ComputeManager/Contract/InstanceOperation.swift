// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import FoundationEssentials
internal import WorkerStore

/// An operation that changes an instance: journaled, in the instance's lane, taken up again after a restart.
protocol InstanceOperation: JournaledOperation {
    /// The instance as the request brings it.
    static func instance(of arguments: Arguments) -> Instance

    /// The task state that nova's API has written before it casts, written here when the request is accepted.
    static func acceptance(of arguments: Arguments) -> AcceptanceRule

    /// What a restart does with work that had come to `step`; reads the driver before it does anything again.
    static func recovery(at step: Step) -> RecoveryRule

    /// The step as the journal keeps it: a JSON array of that one value, since a step without values is a bare string,
    /// which older JSON readers refuse.
    static func encode(_ step: Step) throws -> [UInt8]

    /// Whether it takes the place of what runs and waits before it in its lane.
    static var supersedesEarlier: Bool { get }

    /// Whether it waits for a hypervisor that is away though it has begun nothing: nobody would ask for it again.
    static var outlastsOutages: Bool { get }

    /// Whether it may begin on an instance whose build went back to the scheduler; for others there is none.
    static var seesHandedBack: Bool { get }

    /// Whether it may begin on an instance that is another host's while it moves, or that has moved away; for others
    /// it is not here.
    static var seesMovedAway: Bool { get }

    /// Whether it is success, whatever the driver can do, for an instance that nobody here knows: it asks for what it
    /// needs when it has seen that there is one.
    static var ignoresAbsence: Bool { get }

    /// The names under which a failure is told, the inner method of nova's first.
    static var errorEvents: [String] { get }

    /// Does the work, from the step that an earlier attempt came to; nil from the beginning.
    static func perform(
        _ arguments: Arguments, from step: Step?, in run: OperationRun<Self>
    ) async throws -> Finished<Output>

    /// Takes back what a begun request made outside, after too many attempts that did not end.
    static func undo(_ arguments: Arguments, in run: OperationRun<Self>) async throws

    /// The row that a failure before the first commit leaves behind; nil for none.
    static func rowOfFailure(
        _ arguments: Arguments, _ fault: ComputeFault, _ services: ManagerServices
    ) -> StoredInstance?

    /// What a failure makes of the instance's row; the error event follows it in the same commit.
    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange)
}

extension InstanceOperation {
    static func encode(_ step: Step) throws -> [UInt8] { Array(try JSONEncoder().encode([step])) }

    static var slot: SlotKind { .change }
    static var supersedesEarlier: Bool { false }
    static var outlastsOutages: Bool { supersedesEarlier }
    static var seesHandedBack: Bool { false }
    static var seesMovedAway: Bool { false }
    static var ignoresAbsence: Bool { false }
    static var errorEvents: [String] { [name.rawValue] }

    static func undo(_ arguments: Arguments, in run: OperationRun<Self>) async throws {}

    static func rowOfFailure(
        _ arguments: Arguments, _ fault: ComputeFault, _ services: ManagerServices
    ) -> StoredInstance? { nil }

    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) { change.revertTask(fault) }
}

/// An operation that only reads: not journaled, with slots of its own.
protocol ReadOnlyOperation: ComputeOperation where Step == NoStep {
    static func answer(_ arguments: Arguments, in context: ReadContext) async throws -> Output
}

/// What a question is answered with.
struct ReadContext: Sendable {
    let driver: DriverGateway
    let consoles: ConsoleConfiguration
    let identifiers: any IdentifierSource
}

extension InstanceOperation where Step: RawRepresentable, Step.RawValue == String {
    /// What the encoder would write, without its price.
    static func encode(_ step: Step) throws -> [UInt8] { JSONWriter.bytes([.string(step.rawValue)], reserving: 32) }
}

extension ReadOnlyOperation {
    static var events: [String] { [] }
    static var slot: SlotKind { .read }
}

/// The task state that accepting a request writes.
enum AcceptanceRule: Sendable, Hashable {
    /// Whatever task the instance is in.
    case always(TaskState)
    /// Only if no task holds the instance, or this one; else the request fails as nova's expected_task_state does.
    case ifIdle(TaskState)
    /// The operation decides by itself.
    case none
}

/// What a restart does with unfinished work.
enum RecoveryRule: Sendable, Hashable {
    /// Goes on: nothing outside was begun at that step.
    case goOn
    /// Asks the driver what came of the call that was under way; does it again only if it had no effect.
    case redoUnlessDone
}

/// The proof that an operation wrote its last commit, with its reply and its last events.
struct Finished<Output: Sendable>: Sendable {
    let output: Output
}
