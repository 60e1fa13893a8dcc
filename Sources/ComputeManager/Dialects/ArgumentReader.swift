// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// Takes the arguments of a method apart; what is missing, of the wrong type or not known is a fault, as it is a
/// `TypeError` in nova.
struct ArgumentReader: Sendable {
    private let method: String
    private let arguments: JSONObject
    private var known: Set<String> = []

    private init(method: String, arguments: JSONObject) {
        self.method = method
        self.arguments = arguments
    }

    /// Decodes with `body`, then refuses arguments that it did not ask for: nothing that was asked for is forgotten.
    static func read<Arguments>(
        _ method: String, _ arguments: JSONObject, _ body: (inout ArgumentReader) throws(ComputeFault) -> Arguments
    ) throws(ComputeFault) -> Arguments { try reading(method, arguments, body).decoded }

    /// The same with the names that it asked for, which are the parameters that its binding declares.
    static func reading<Arguments>(
        _ method: String, _ arguments: JSONObject, _ body: (inout ArgumentReader) throws(ComputeFault) -> Arguments
    ) throws(ComputeFault) -> (decoded: Arguments, names: Set<String>) {
        var reader = ArgumentReader(method: method, arguments: arguments)
        let decoded = try body(&reader)
        for key in arguments.keys where !reader.known.contains(key) {
            throw reader.fault("got an unexpected keyword argument '\(key)'")
        }
        return (decoded, reader.known)
    }

    /// Any value; nil where it is absent or null.
    mutating func value(_ key: String) -> JSONValue? {
        known.insert(key)
        guard let value = arguments[key], !value.isNull else { return nil }
        return value
    }

    mutating func instance() throws(ComputeFault) -> Instance {
        guard let value = value("instance") else { throw fault("missing required argument 'instance'") }
        guard let fields = value.object else { throw wrong("instance", "an object", value) }
        return try Instance(fields: fields)
    }

    mutating func object(_ key: String) throws(ComputeFault) -> JSONObject? {
        guard let value = value(key) else { return nil }
        guard let object = value.object else { throw wrong(key, "an object or null", value) }
        return object
    }

    mutating func array(_ key: String) throws(ComputeFault) -> [JSONValue]? {
        guard let value = value(key) else { return nil }
        guard let array = value.array else { throw wrong(key, "an array or null", value) }
        return array
    }

    mutating func string(_ key: String) throws(ComputeFault) -> String? {
        guard let value = value(key) else { return nil }
        guard let text = value.string else { throw wrong(key, "a string or null", value) }
        return text
    }

    /// A string that must be there and not empty.
    mutating func required(_ key: String) throws(ComputeFault) -> String {
        guard let text = try string(key), !text.isEmpty else { throw fault("missing required argument '\(key)'") }
        return text
    }

    /// A boolean that must be there.
    mutating func requiredBool(_ key: String) throws(ComputeFault) -> Bool {
        guard let value = value(key) else { throw fault("missing required argument '\(key)'") }
        guard let bool = value.bool else { throw wrong(key, "a boolean", value) }
        return bool
    }

    /// A whole number that must be there.
    mutating func requiredInt(_ key: String) throws(ComputeFault) -> Int {
        guard let value = value(key) else { throw fault("missing required argument '\(key)'") }
        guard let number = value.int else { throw wrong(key, "a whole number", value) }
        return number
    }

    mutating func bool(_ key: String, default fallback: Bool) throws(ComputeFault) -> Bool {
        guard let value = value(key) else { return fallback }
        guard let bool = value.bool else { throw wrong(key, "a boolean", value) }
        return bool
    }

    /// The fault of a value of the wrong type; never quotes the value.
    func wrong(_ key: String, _ wanted: String, _ value: JSONValue) -> ComputeFault {
        fault("argument '\(key)' must be \(wanted), not \(value.kindName)")
    }

    func fault(_ reason: String) -> ComputeFault {
        ComputeFault(.badArguments, "\(method)() \(reason)", arguments: ["method": .string(method)])
    }
}
