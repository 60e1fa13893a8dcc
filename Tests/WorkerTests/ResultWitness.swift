// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import TestSupport
import Testing

/// The tests that make methods succeed and hold what they return against schemas/results.
enum ResultWitness: CaseIterable {
    /// `MethodTests`: whatever a worker without peers can do.
    case served
    /// `PeerTests`: with a network service.
    case addressed
    /// `TwoHostTests`: resizes whose casts from host to host are handed on as calls.
    case resized
    /// `TwoHostTests`: confirmed on the host that the instance left.
    case confirmed
    /// `TwoHostTests`: guests that move while they run.
    case liveMigrated

    /// The methods whose results the test must have seen.
    var methods: [String] {
        switch self {
        case .served:
            FolsomMethod.all.compactMap { method in
                if case .result = method.answer { method.name } else { nil }
            } + ["run_instance"]
        case .addressed: ["add_fixed_ip_to_instance", "remove_fixed_ip_from_instance"]
        case .resized: ["prep_resize", "resize_instance", "finish_resize", "revert_resize", "finish_revert_resize"]
        case .confirmed: ["confirm_resize"]
        case .liveMigrated: ["check_can_live_migrate_destination", "pre_live_migration", "live_migration"]
        }
    }
}

extension Bench {
    /// Holds the answers to calls, by their methods, against the schemas of their results.
    func hold(
        _ answers: [String: JSONValue], by witness: ResultWitness, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        #expect(answers.keys.sorted() == witness.methods.sorted(), sourceLocation: sourceLocation)
        for (method, answer) in answers {
            #expect(answer["error"] == nil, "\(method): \(JSONWriter.text(answer))", sourceLocation: sourceLocation)
        }
        let records = answers.sorted { $0.key < $1.key }.map { method, answer -> JSONValue in
            ["result_of": .string(method), "body": .string(JSONWriter.text(answer["result"] ?? .null))]
        }
        try await validate(records, sourceLocation: sourceLocation)
    }
}
