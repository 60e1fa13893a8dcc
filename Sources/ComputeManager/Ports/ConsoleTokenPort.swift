// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Who knows the tokens of the instances' consoles: consoleauth in a Folsom deployment, or nobody.
public protocol ConsoleTokenPort: Sendable {
    /// Makes the tokens of a deleted instance worthless; idempotent. Consoleauth: `delete_tokens_for_instance`.
    func deleteTokens(of instance: InstanceID, context: RequestContext) async throws
}

/// No tokens.
public struct NoConsoleTokens: ConsoleTokenPort, AnsweredHere {
    public init() {}

    public func deleteTokens(of instance: InstanceID, context: RequestContext) async throws {}
}
