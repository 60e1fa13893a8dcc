// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// Why an operation fails, kept in its step: what it began is taken back first, and a restart in between is to tell of
/// the same.
struct KeptFault: Codable, Sendable, Hashable {
    private let kind: String
    private let message: String
    private let arguments: String

    init(_ fault: ComputeFault) {
        kind = fault.kind.rawValue
        message = fault.message
        arguments = JSONWriter.text(.object(fault.arguments))
    }

    init?(_ json: JSONValue) {
        guard let kind = json["kind"]?.string, let message = json["message"]?.string else { return nil }
        self.kind = kind
        self.message = message
        arguments = JSONWriter.text(json["arguments"] ?? [:])
    }

    var json: JSONValue {
        ["kind": .string(kind), "message": .string(message), "arguments": (try? JSONParser.parse(arguments)) ?? [:]]
    }

    func fault(of instance: InstanceID?) -> ComputeFault {
        ComputeFault(
            ComputeFault.Kind(rawValue: kind) ?? .internalError, message, instance: instance,
            arguments: (try? JSONParser.parse(arguments))?.object ?? JSONObject())
    }
}
