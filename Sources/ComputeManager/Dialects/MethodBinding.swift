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

/// A method that changes an instance, with the decoder of its arguments.
struct Changes<Operation: InstanceOperation>: JournaledBinding {
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
        if let fault { return try await engine.giveUp(Operation.self, arguments, request, entry, turn, fault) }
        return try await engine.run(Operation.self, arguments, request, entry, turn)
    }
}

/// A method that changes the host, with the decoder of its arguments.
struct HostChanges<Operation: HostOperation>: JournaledBinding {
    let method: String
    let since: RPCVersion
    let parameters: [Parameter]
    let decode: @Sendable (inout ArgumentReader) throws(ComputeFault) -> Operation.Arguments

    init(
        _ method: String, since: RPCVersion, _: Operation.Type, parameters: [Parameter],
        decode: @escaping @Sendable (inout ArgumentReader) throws(ComputeFault) -> Operation.Arguments
    ) {
        self.method = method
        self.since = since
        self.parameters = parameters
        self.decode = decode
    }

    var operation: any ComputeOperation.Type { Operation.self }

    func execute(
        _ request: RPCRequest, _ entry: JournalEntry, _ engine: OperationEngine, _ turn: Turn,
        givingUp fault: ComputeFault?
    ) async throws -> OperationEngine.Ending {
        do {
            let arguments = try ArgumentReader.read(method, request.arguments, decode)
            if let fault { throw fault }
            return try await engine.run(host: Operation.self, arguments, request, entry, turn)
        } catch let fault as ComputeFault {
            return try await engine.refuse(entry, request, fault, outcome: OperationEngine.outcome(of: fault))
        }
    }
}

/// A method that only reads, with the decoder of its arguments.
struct Reads<Operation: ReadOnlyOperation>: ReadBinding {
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

    func answer(_ request: RPCRequest, in context: ReadContext) async throws -> JSONValue {
        let arguments = try ArgumentReader.read(method, request.arguments, decode)
        try context.driver.require(Operation.needs, instance: nil)
        return Operation.json(try await Operation.answer(arguments, in: context))
    }
}
