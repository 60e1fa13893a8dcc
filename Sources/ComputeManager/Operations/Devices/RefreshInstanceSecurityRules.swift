// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Applies one guest's filters anew. Nova: `refresh_instance_security_rules`.
///
/// Nova-network casts it during each delete as well, so that it often finds the instance gone.
enum RefreshInstanceSecurityRules: RefreshOperation {
    static let name = OperationName(rawValue: "refresh_instance_security_rules")
    static let summary = "applies one guest's filters anew"
    static let needs: [DriverOperation] = [.refreshSecurityRules]
    static let tellsLackOnce = true
    static let asksNetwork = false
    static let ignoresAbsence = true

    static func refresh(_ guest: GuestRequest, in run: OperationRun<RefreshInstanceSecurityRules>) async throws {
        try await run.driver.refreshSecurityRules(of: guest.instance)
    }
}
