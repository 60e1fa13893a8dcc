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

    func fault(of instance: InstanceID?) -> ComputeFault {
        ComputeFault(
            ComputeFault.Kind(rawValue: kind) ?? .internalError, message, instance: instance,
            arguments: (try? JSONParser.parse(arguments))?.object ?? JSONObject())
    }
}
