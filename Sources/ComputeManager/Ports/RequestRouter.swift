// SPDX-License-Identifier: Apache-2.0

public import ComputeModel
public import WorkerStore

/// Says what a message asks for, from what the scanner read off it; implemented by the dialects' table.
public protocol RequestRouter: Sendable {
    /// Cheap and pure: called for every message before it is journaled.
    func route(_ summary: MessageSummary) -> RequestRoute
}

/// Where a message goes.
public enum RequestRoute: Sendable, Hashable {
    /// To an operation; one that is read-only answers and forgets, it is never journaled.
    case operation(OperationName, isReadOnly: Bool)
    /// Nobody here has a method of that name.
    case unknownMethod(ComputeFault)
    /// The method is here, but not in the version that the sender wants.
    case unsupportedVersion(ComputeFault)
}

/// The stable name of an operation: what the journal stores, whatever the wire called it.
public struct OperationName: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
    public var description: String { rawValue }
}

/// Takes what the intake let in; implemented by the dispatcher.
public protocol AcceptedWork: Sendable {
    /// Takes journaled requests in journal order; call it after the commit that holds them. Never waits.
    func enqueue(_ entries: [JournalEntry])

    /// Answers a read-only call, which is not journaled; returns once the answer was sent or given up.
    ///
    /// Waits for one of a bounded number of slots, so a caller that starts many is held back here.
    func serve(_ message: IncomingMessage) async
}
