// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel
internal import OsloMessaging

/// Nova-consoleauth.
struct RPCConsoleTokens: ConsoleTokenPort {
    let client: PeerClient
    let topic: String

    func deleteTokens(of instance: InstanceID, context: RequestContext) async throws {
        _ = try await client.call(
            .consoleTokens, .any(topic: topic), "delete_tokens_for_instance", version: "1.0",
            ["instance_uuid": .string(instance.description)], context)
    }
}
