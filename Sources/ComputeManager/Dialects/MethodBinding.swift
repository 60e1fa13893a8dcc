// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// A wire method of a dialect: its name, since which version it is there, which operation it means.
protocol MethodBinding: Sendable {
    var method: String { get }
    var since: RPCVersion { get }
    var operation: any ComputeOperation.Type { get }
    /// What the decoder reads, and nothing else.
    var parameters: [Parameter] { get }
}

/// A method that is journaled.
protocol JournaledBinding: MethodBinding {
    /// Decodes the arguments and runs the operation, or gives up one that was begun.
    func execute(
        _ request: RPCRequest, _ entry: JournalEntry, _ engine: OperationEngine, _ turn: Turn,
        givingUp fault: ComputeFault?
    ) async throws -> OperationEngine.Ending
}

/// A method that only reads.
protocol ReadBinding: MethodBinding {
    func answer(_ request: RPCRequest, in context: ReadContext) async throws -> JSONValue
}

/// A method with the decoder of its arguments; what can be done with it follows from its operation.
struct Binding<Operation: ComputeOperation>: MethodBinding {
    let method: String
    let since: RPCVersion
    let parameters: [Parameter]
    let decode: @Sendable (inout ArgumentReader) throws(ComputeFault) -> Operation.Arguments

    init(
        _ method: String, since: RPCVersion, _: Operation.Type, parameters: [Parameter] = [.instance],
        decode: @escaping @Sendable (inout ArgumentReader) throws(ComputeFault) -> Operation.Arguments
    ) {
        self.method = method
        self.since = since
        self.parameters = parameters
        self.decode = decode
    }

    var operation: any ComputeOperation.Type { Operation.self }
}

extension Binding: JournaledBinding where Operation: JournaledOperation {
    func execute(
        _ request: RPCRequest, _ entry: JournalEntry, _ engine: OperationEngine, _ turn: Turn,
        givingUp fault: ComputeFault?
    ) async throws -> OperationEngine.Ending {
        let arguments: Operation.Arguments
        do {
            arguments = try ArgumentReader.read(method, request.arguments, decode)
        } catch {
            return try await engine.refuse(entry, request, error, outcome: .refused)
        }
        if let fault { return try await Operation.giveUp(arguments, request, entry, engine, turn, fault) }
        return try await Operation.attempt(arguments, request, entry, engine, turn)
    }
}

extension Binding: ReadBinding where Operation: ReadOnlyOperation {
    func answer(_ request: RPCRequest, in context: ReadContext) async throws -> JSONValue {
        let arguments = try ArgumentReader.read(method, request.arguments, decode)
        try context.driver.require(Operation.needs, instance: nil)
        return Operation.json(try await Operation.answer(arguments, in: context))
    }
}
