// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// The workers of other hosts, asked by calls; casts to them are rows of the outbox (``OutgoingCast``).
public protocol ComputePort: Sendable {
    /// Calls a method of another compute and returns its result.
    ///
    /// - Parameter version: the version of the interface that the method needs, `2.0` for most.
    func call(
        host: String, method: String, version: String, arguments: JSONObject, context: RequestContext
    ) async throws -> JSONValue
}

/// No other computes.
public struct NoComputes: ComputePort, AnsweredHere {
    public init() {}

    public func call(
        host: String, method: String, version: String, arguments: JSONObject, context: RequestContext
    ) async throws -> JSONValue {
        throw ComputeFault(.unavailable, "This worker knows no way to the compute host \(host).", isRetriable: false)
    }
}
