// SPDX-License-Identifier: Apache-2.0

/// Drivers that filter all guests' traffic by the provider's rules.
public protocol ProviderRulesDriver: ComputeDriver {
    /// Nova: `refresh_provider_fw_rules`.
    func refreshProviderRules() async throws
}
