// SPDX-License-Identifier: Apache-2.0

/// Every operation there is; nothing else keeps a list.
public enum OperationTable {
    public static let all: [any ComputeOperation.Type] =
        lifecycle + guests + moves + devices + host + reads

    /// From the build to the end, on and off.
    private static let lifecycle: [any ComputeOperation.Type] = [
        RunInstance.self, RebootInstance.self, TerminateInstance.self, StartInstance.self, StopInstance.self,
        PowerOnInstance.self, PowerOffInstance.self,
    ]

    /// What a guest does and holds.
    private static let guests: [any ComputeOperation.Type] = [
        PauseInstance.self, UnpauseInstance.self, SuspendInstance.self, ResumeInstance.self, RescueInstance.self,
        UnrescueInstance.self, SnapshotInstance.self, RebuildInstance.self, SetAdminPassword.self, InjectFile.self,
        ChangeInstanceMetadata.self, ResumeStateOnHostBoot.self,
    ]

    /// To another size or another host.
    private static let moves: [any ComputeOperation.Type] = [
        PrepResize.self, ResizeInstance.self, FinishResize.self, ConfirmResize.self, RevertResize.self,
        FinishRevertResize.self, CheckCanLiveMigrateDestination.self, CheckCanLiveMigrateSource.self,
        LiveMigration.self, PreLiveMigration.self, PostLiveMigrationAtDestination.self,
        RollbackLiveMigrationAtDestination.self,
    ]

    /// What is plugged into a guest.
    private static let devices: [any ComputeOperation.Type] = [
        ReserveBlockDeviceName.self, AttachVolume.self, DetachVolume.self, RemoveVolumeConnection.self, AddFixedIPToInstance.self,
        RemoveFixedIPFromInstance.self, InjectNetworkInfo.self, ResetNetwork.self,
        RefreshInstanceSecurityRules.self,
    ]

    /// The host itself.
    private static let host: [any ComputeOperation.Type] = [
        PerformHostPowerAction.self, HostMaintenanceMode.self, SetHostEnabled.self, AddAggregateHost.self,
        RemoveAggregateHost.self, RefreshSecurityGroupRules.self, RefreshSecurityGroupMembers.self,
        RefreshProviderFirewallRules.self,
    ]

    /// Questions.
    private static let reads: [any ComputeOperation.Type] = [
        GetConsoleOutput.self, GetHostUptime.self, GetDiagnostics.self, GetVNCConsole.self, ValidateConsolePort.self,
        GetConsolePoolInfo.self, GetConsoleTopic.self,
    ]

    private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

    /// The operation of that stable name; nil where another version of the worker wrote the name.
    public static func operation(_ name: OperationName) -> (any ComputeOperation.Type)? { byName[name] }
}
