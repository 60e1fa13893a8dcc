// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// A wire method as people read it in the printed list.
public struct WireMethod: Sendable, Hashable {
    public let method: String
    /// The first version of the interface that has it.
    public let since: String
    public let operation: OperationName
    public let summary: String
    public let isReadOnly: Bool
    public let parameters: [Parameter]
    /// Told on success, in their order; see ``ComputeOperation/events``.
    public let events: [String]
    /// See ``ComputeOperation/stepNames``.
    public let steps: [String]
}

/// (wire method, version) → (operation, argument decoder): what a dialect adds to the operations.
public struct DialectTable: RequestRouter {
    /// The interface's name for people.
    public let name: String
    let version: RPCVersion
    let bindings: [any MethodBinding]
    /// What the worker asks of itself alone: no message is routed to it.
    private let own: [any MethodBinding]
    private let byMethod: [String: any MethodBinding]

    init(name: String, version: RPCVersion, bindings: [any MethodBinding], own: [any MethodBinding]) {
        self.name = name
        self.version = version
        self.bindings = bindings
        self.own = own
        byMethod = Dictionary(bindings.map { ($0.method, $0) }) { first, _ in first }
    }

    /// Every method of the dialect.
    public var methods: [WireMethod] { Self.methods(bindings) }

    /// What is journaled like a method of the dialect, and is none: requests of the worker's own alone.
    public var ownMethods: [WireMethod] { Self.methods(own) }

    private static func methods(_ bindings: [any MethodBinding]) -> [WireMethod] {
        bindings.map { binding in
            WireMethod(
                method: binding.method, since: binding.since.description, operation: binding.operation.name,
                summary: binding.operation.summary, isReadOnly: binding.operation.isReadOnly,
                parameters: binding.parameters, events: binding.operation.events,
                steps: binding.operation.stepNames)
        }
    }

    public func route(_ summary: MessageSummary) -> RequestRoute {
        switch lookUp(summary.method, summary.version, summary.namespace) {
        case .success(let binding):
            .operation(binding.operation.name, isReadOnly: binding.operation.isReadOnly)
        case .failure(let fault) where fault.kind == .noSuchMethod: .unknownMethod(fault)
        case .failure(let fault): .unsupportedVersion(fault)
        }
    }

    /// What a method means; nil where the dialect has none of that name.
    func operation(of method: String) -> (any ComputeOperation.Type)? { byMethod[method]?.operation }

    /// What a request of the worker's own is journaled as.
    func ownBinding(_ method: String) throws(ComputeFault) -> any JournaledBinding {
        let binding = byMethod[method] ?? own.first { $0.method == method }
        guard let binding = binding as? any JournaledBinding else { throw Self.unknown(method) }
        return binding
    }

    /// The method of a journaled request: one that was routed, or one of the worker's own.
    func journaledBinding(_ request: RPCRequest) throws(ComputeFault) -> any JournaledBinding {
        if request.namespace == nil, own.contains(where: { $0.method == request.method }) {
            return try ownBinding(request.method)
        }
        let binding = try lookUp(request.method, request.version, request.namespace).get()
        guard let binding = binding as? any JournaledBinding else { throw Self.unknown(request.method) }
        return binding
    }

    func readBinding(_ request: RPCRequest) throws(ComputeFault) -> any ReadBinding {
        let binding = try lookUp(request.method, request.version, request.namespace).get()
        guard let binding = binding as? any ReadBinding else { throw Self.unknown(request.method) }
        return binding
    }

    /// The version is judged before the method, as both eras do.
    private func lookUp(
        _ method: String, _ wanted: String, _ namespace: String?
    ) -> Result<any MethodBinding, ComputeFault> {
        guard namespace == nil else {
            return .failure(
                ComputeFault(
                    .unsupportedVersion, "Specified RPC version, \(wanted), not supported by this endpoint.",
                    arguments: ["version": .string(wanted), "method": .string(method)]))
        }
        if let fault = version.fault(for: wanted, method: method) { return .failure(fault) }
        guard let binding = byMethod[method], binding.since.isIncluded(in: wanted) else {
            return .failure(Self.unknown(method))
        }
        return .success(binding)
    }

    private static func unknown(_ method: String) -> ComputeFault {
        ComputeFault(
            .noSuchMethod, "No such RPC function '\(method)'", arguments: ["method": .string(method)])
    }
}
