// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// An exception as it crosses the wire: a text of JSON that the caller makes a Python exception of.
///
/// A Folsom caller calls the class with the keyword arguments alone, today's with positional and keyword arguments; so
/// the keyword arguments always fit the class, and the only positional one is the message.
public struct RemoteException: Error, Sendable, Hashable {
    /// The class's name.
    public let name: String
    /// The module that the caller looks for the class in.
    public let module: String
    public let message: String
    public let traceback: [String]
    public let arguments: [JSONValue]
    public let keywords: JSONObject

    public init(
        name: String, module: String, message: String, traceback: [String] = [], arguments: [JSONValue]? = nil,
        keywords: JSONObject = JSONObject()
    ) {
        self.name = name
        self.module = module
        self.message = message
        self.traceback = traceback
        self.arguments = arguments ?? [.string(message)]
        self.keywords = keywords
    }

    /// The exception that stands for a fault, under the class that callers of that form know.
    public init(_ fault: ComputeFault, for form: WireForm) {
        let exception = ExceptionClass.of(fault, for: form)
        let message = exception.message ?? fault.message
        self.init(
            name: exception.name, module: exception.module, message: message,
            traceback: ["\(exception.name): \(message)\n"], keywords: exception.keywords)
    }

    /// The exception in a reply's `failure`; one that is not of the usual form keeps what it says as its message.
    init(failure: JSONValue) {
        guard case .string(let text) = failure, case .object(let object)? = try? JSONParser.parse(text) else {
            self.init(name: "Exception", module: "exceptions", message: failure.string ?? JSONWriter.text(failure))
            return
        }
        self.init(
            name: object["class"]?.string ?? "Exception", module: object["module"]?.string ?? "exceptions",
            message: object["message"]?.string ?? "", traceback: object["tb"]?.array?.compactMap(\.string) ?? [],
            arguments: object["args"]?.array ?? [], keywords: object["kwargs"]?.object ?? JSONObject())
    }

    /// The text that stands under `failure`.
    public var text: String {
        JSONWriter.text([
            "class": .string(name), "module": .string(module), "message": .string(message),
            "tb": .array(traceback.map { .string($0) }), "args": .array(arguments), "kwargs": .object(keywords),
        ])
    }

    /// Whether it is one of nova's own that stands for a kind of fault; what others say may quote a command or its
    /// arguments.
    public var isNovas: Bool {
        let kind = ExceptionClass.kind(name: name, module: module, keywords: keywords)
        return kind != nil && module != "exceptions" && module != "builtins"
    }

    /// The fault that the exception stands for; of a class that we don't know, an internal error that names it.
    public var fault: ComputeFault {
        let kind = ExceptionClass.kind(name: name, module: module, keywords: keywords)
        let instance = (keywords["instance_id"] ?? keywords["instance_uuid"])?.string.flatMap { InstanceID($0) }
        return ComputeFault(
            kind ?? .internalError, kind == nil ? "\(name): \(message)" : message, instance: instance,
            arguments: keywords)
    }
}

extension RemoteException: CustomStringConvertible {
    public var description: String { "\(name): \(message)" }
}
