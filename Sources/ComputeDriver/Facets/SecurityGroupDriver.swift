// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that filter the guests' traffic by security groups.
public protocol SecurityGroupDriver: ComputeDriver {
    /// Applies anew what a group says. Nova: `refresh_security_group_rules`.
    func refreshSecurityGroupRules(_ groupID: Int) async throws

    /// Applies anew the rules that speak of the group's members. Nova: `refresh_security_group_members`.
    func refreshSecurityGroupMembers(_ groupID: Int) async throws

    /// Applies anew all rules of one guest. Nova: `refresh_instance_security_rules`.
    func refreshSecurityRules(of instance: Instance) async throws
}
