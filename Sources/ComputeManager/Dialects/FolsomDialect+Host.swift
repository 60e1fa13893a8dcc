// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

extension FolsomDialect {
    private static let aggregate = [
        Parameter("aggregate_id", .integer, isRequired: true), Parameter("host", .string, isRequired: true),
        Parameter("slave_info", .object, isSecret: true),
    ]
    private static let securityGroup = [Parameter("security_group_id", .integer, isRequired: true)]

    /// The host itself.
    static let host: [any MethodBinding] = [
        Binding(
            "host_power_action", since: first, PerformHostPowerAction.self,
            parameters: [Parameter("action", .string, isRequired: true)], decode: powerAction),
        Binding(
            "host_maintenance_mode", since: first, HostMaintenanceMode.self,
            parameters: [
                Parameter("host", .string, isRequired: true), Parameter("mode", .boolean, isRequired: true),
            ], decode: maintenanceMode),
        Binding(
            "set_host_enabled", since: first, SetHostEnabled.self,
            parameters: [Parameter("enabled", .boolean, isRequired: true)], decode: hostEnabled),
        Binding(
            "add_aggregate_host", since: RPCVersion(2, 2), AddAggregateHost.self, parameters: aggregate,
            decode: addAggregateHost),
        Binding(
            "remove_aggregate_host", since: RPCVersion(2, 2), RemoveAggregateHost.self, parameters: aggregate,
            decode: removeAggregateHost),
        Binding(
            "refresh_security_group_rules", since: first, RefreshSecurityGroupRules.self, parameters: securityGroup,
            decode: groupID),
        Binding(
            "refresh_security_group_members", since: first, RefreshSecurityGroupMembers.self,
            parameters: securityGroup, decode: groupID),
        Binding(
            "refresh_provider_fw_rules", since: first, RefreshProviderFirewallRules.self, parameters: [],
            decode: providerRules),
    ]

    @Sendable
    private static func powerAction(
        _ reader: inout ArgumentReader
    ) throws(ComputeFault) -> PerformHostPowerAction.Arguments {
        guard let action = HostPowerAction(rawValue: try reader.required("action")) else {
            throw reader.fault("argument 'action' must be reboot, shutdown or startup")
        }
        return PerformHostPowerAction.Arguments(action: action)
    }

    @Sendable
    private static func maintenanceMode(
        _ reader: inout ArgumentReader
    ) throws(ComputeFault) -> HostMaintenanceMode.Arguments {
        HostMaintenanceMode.Arguments(host: try reader.required("host"), isOn: try reader.requiredBool("mode"))
    }

    @Sendable
    private static func hostEnabled(_ reader: inout ArgumentReader) throws(ComputeFault) -> SetHostEnabled.Arguments {
        SetHostEnabled.Arguments(isEnabled: try reader.requiredBool("enabled"))
    }

    @Sendable
    private static func addAggregateHost(
        _ reader: inout ArgumentReader
    ) throws(ComputeFault) -> AddAggregateHost.Arguments {
        AddAggregateHost.Arguments(change: try aggregateChange(&reader))
    }

    @Sendable
    private static func removeAggregateHost(
        _ reader: inout ArgumentReader
    ) throws(ComputeFault) -> RemoveAggregateHost.Arguments {
        RemoveAggregateHost.Arguments(change: try aggregateChange(&reader))
    }

    private static func aggregateChange(_ reader: inout ArgumentReader) throws(ComputeFault) -> AggregateChange {
        AggregateChange(
            aggregateID: try reader.requiredInt("aggregate_id"), host: try reader.required("host"),
            slaveInfo: try reader.object("slave_info"))
    }

    @Sendable
    private static func groupID(_ reader: inout ArgumentReader) throws(ComputeFault) -> SecurityGroupArguments {
        SecurityGroupArguments(groupID: try reader.requiredInt("security_group_id"))
    }

    @Sendable
    private static func providerRules(
        _ reader: inout ArgumentReader
    ) throws(ComputeFault) -> RefreshProviderFirewallRules.Arguments { RefreshProviderFirewallRules.Arguments() }
}
