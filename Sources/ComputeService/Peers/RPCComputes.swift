// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel
internal import OsloMessaging

/// The workers of other hosts, by the queues that the scheduler casts to.
struct RPCComputes: ComputePort {
    let client: PeerClient
    let topic: String

    func call(
        host: String, method: String, version: String, arguments: JSONObject, context: RequestContext
    ) async throws -> JSONValue {
        try await client.call(
            .computes, .server(topic: topic, server: host), method, version: version, arguments, context)
    }
}
