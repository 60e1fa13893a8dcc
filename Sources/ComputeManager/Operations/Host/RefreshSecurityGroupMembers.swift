// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Applies the rules anew that speak of a security group's members. Nova: `refresh_security_group_members`.
enum RefreshSecurityGroupMembers: HostOperation {
    typealias Arguments = SecurityGroupArguments

    static let name = OperationName(rawValue: "refresh_security_group_members")
    static let summary = "applies the rules on a security group's members anew"
    static let needs: [DriverOperation] = [.refreshSecurityGroupMembers]
    static let tellsLackOnce = true

    static func json(_ output: JSONValue) -> JSONValue { output }

    static func perform(_ arguments: Arguments, in run: HostRun) async throws -> JSONValue {
        try await run.driver.refreshSecurityGroupMembers(arguments.groupID)
        return .null
    }
}
