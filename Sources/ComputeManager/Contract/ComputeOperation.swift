// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel

/// Something that a worker can be asked to do: one small type in one file.
///
/// The type says all that others need to know of it; dispatcher, journal and the printed list of methods read it from
/// ``OperationTable``. A dialect adds wire names, versions and argument decoders.
public protocol ComputeOperation: Sendable {
    associatedtype Arguments: Sendable
    /// Where the work stands; written into the journal row with each commit, so that a restart goes on from there.
    associatedtype Step: Codable & Sendable & Hashable
    associatedtype Output: Sendable

    /// The name that the journal stores; never changes, whatever the wire calls it.
    static var name: OperationName { get }

    /// What it does, in a few words.
    static var summary: String { get }

    /// The names of its steps as the journal has them, each of which has a recovery rule.
    static var stepNames: [String] { get }

    /// What a driver must have for it; refused before any side effect where one is missing.
    static var needs: [DriverOperation] { get }

    /// The events that success tells, in their order, without the prefix `compute.instance.`; between them stands an
    /// `update` for each write where updates are told.
    static var events: [String] { get }

    /// Which of the bounded slots it takes.
    static var slot: SlotKind { get }

    /// Whether it writes disks of guests to the host; where there is no room for them it is not taken in.
    static var needsRoom: Bool { get }

    /// The value that a caller gets.
    static func json(_ output: Output) -> JSONValue
}

/// The kinds of bounded slots.
public enum SlotKind: String, Sendable, Hashable, CaseIterable {
    case build
    case change
    /// A read-only call: it passes by the lanes, is not journaled, answers and forgets.
    case read
    /// Work of the worker's own in an instance's lane, such as comparing what is known of it with its guest.
    case visit
}

/// The step of an operation that has none.
public struct NoStep: Codable, Sendable, Hashable {
    public init() {}
}

extension ComputeOperation where Step: CaseIterable & RawRepresentable, Step.RawValue == String {
    public static var stepNames: [String] { Step.allCases.map(\.rawValue) }
}

extension ComputeOperation where Step == NoStep {
    public static var stepNames: [String] { [] }
}

extension ComputeOperation {
    /// Whether it passes by the journal and the lanes.
    public static var isReadOnly: Bool { slot == .read }

    public static var needsRoom: Bool { false }
}
