// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Applies a security group's rules anew. Nova: `refresh_security_group_rules`.
enum RefreshSecurityGroupRules: HostOperation {
    typealias Arguments = SecurityGroupArguments

    static let name = OperationName(rawValue: "refresh_security_group_rules")
    static let summary = "applies a security group's rules anew"
    static let needs: [DriverOperation] = [.refreshSecurityGroupRules]
    static let tellsLackOnce = true

    static func json(_ output: JSONValue) -> JSONValue { output }

    static func perform(_ arguments: Arguments, in run: HostRun) async throws -> JSONValue {
        try await run.driver.refreshSecurityGroupRules(arguments.groupID)
        return .null
    }
}
