// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Applies the provider's rules anew. Nova: `refresh_provider_fw_rules`.
enum RefreshProviderFirewallRules: HostOperation {
    struct Arguments: Sendable {}

    static let name = OperationName(rawValue: "refresh_provider_fw_rules")
    static let summary = "applies the provider's rules anew"
    static let needs: [DriverOperation] = [.refreshProviderRules]
    static let tellsLackOnce = true

    static func json(_ output: JSONValue) -> JSONValue { output }

    static func perform(_ arguments: Arguments, in run: HostRun) async throws -> JSONValue {
        try await run.driver.refreshProviderRules()
        return .null
    }
}
