// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// An operation that passes by the journal and a lane: how the engine attempts it, and how it gives one up.
protocol JournaledOperation: ComputeOperation {
    /// Whether other services cast it by themselves, again and again: that the driver lacks it has one error event for
    /// each start of the worker, not one for each cast.
    static var tellsLackOnce: Bool { get }

    static func attempt(
        _ arguments: Arguments, _ request: RPCRequest, _ entry: JournalEntry, _ engine: OperationEngine, _ turn: Turn
    ) async throws -> OperationEngine.Ending

    static func giveUp(
        _ arguments: Arguments, _ request: RPCRequest, _ entry: JournalEntry, _ engine: OperationEngine, _ turn: Turn,
        _ fault: ComputeFault
    ) async throws -> OperationEngine.Ending
}

extension JournaledOperation {
    static var tellsLackOnce: Bool { false }
}

extension InstanceOperation {
    static func attempt(
        _ arguments: Arguments, _ request: RPCRequest, _ entry: JournalEntry, _ engine: OperationEngine, _ turn: Turn
    ) async throws -> OperationEngine.Ending {
        try await engine.run(Self.self, arguments, request, entry, turn)
    }

    static func giveUp(
        _ arguments: Arguments, _ request: RPCRequest, _ entry: JournalEntry, _ engine: OperationEngine, _ turn: Turn,
        _ fault: ComputeFault
    ) async throws -> OperationEngine.Ending {
        try await engine.giveUp(Self.self, arguments, request, entry, turn, fault)
    }
}

extension HostOperation {
    static func attempt(
        _ arguments: Arguments, _ request: RPCRequest, _ entry: JournalEntry, _ engine: OperationEngine, _ turn: Turn
    ) async throws -> OperationEngine.Ending {
        try await engine.run(host: Self.self, arguments, request, entry, turn)
    }

    static func giveUp(
        _ arguments: Arguments, _ request: RPCRequest, _ entry: JournalEntry, _ engine: OperationEngine, _ turn: Turn,
        _ fault: ComputeFault
    ) async throws -> OperationEngine.Ending {
        try await engine.refuse(entry, request, fault, outcome: OperationEngine.outcome(of: fault))
    }
}
