// SPDX-License-Identifier: Apache-2.0

extension DriverOperation {
    /// Whether a driver has the operation: a fact of its type, read without an instance of it or a connection.
    public func isImplemented(by driver: any ComputeDriver.Type) -> Bool {
        switch self {
        case .listInstances, .info, .spawn, .destroy, .reboot, .hostResources: true
        case .powerOff, .powerOn: driver is any PoweringDriver.Type
        case .pause, .unpause: driver is any PausingDriver.Type
        case .suspend, .resume: driver is any SuspendingDriver.Type
        case .resumeStateOnHostBoot: driver is any HostBootResumingDriver.Type
        case .rescue, .unrescue: driver is any RescuingDriver.Type
        case .snapshot: driver is any SnapshottingDriver.Type
        case .quiesce, .unquiesce: driver is any QuiescingDriver.Type
        case .createVolumeSnapshot, .deleteVolumeSnapshot: driver is any AssistedVolumeSnapshottingDriver.Type
        case .volumeConnector, .attachVolume, .detachVolume: driver is any VolumeAttachingDriver.Type
        case .swapVolume: driver is any VolumeSwappingDriver.Type
        case .extendVolume: driver is any VolumeExtendingDriver.Type
        case .attachInterface, .detachInterface: driver is any InterfaceAttachingDriver.Type
        case .plugVIFs, .unplugVIFs: driver is any VIFPluggingDriver.Type
        case .migrateDiskAndPowerOff, .finishMigration, .confirmMigration, .finishRevertMigration:
            driver is any ResizingDriver.Type
        case .checkLiveMigrationSource, .disksOfInstance, .liveMigrate, .cleanUpAfterLiveMigration:
            driver is any LiveMigrationSourceDriver.Type
        case .checkLiveMigrationDestination, .cleanUpLiveMigrationCheck, .prepareLiveMigration,
            .finishLiveMigrationAtDestination, .rollBackLiveMigrationAtDestination:
            driver is any LiveMigrationTargetDriver.Type
        case .forceLiveMigration, .abortLiveMigration: driver is any LiveMigrationControllingDriver.Type
        case .leaveStorageMark, .seesStorageMark, .removeStorageMark: driver is any SharedStorageProbingDriver.Type
        case .consoleOutput: driver is any ConsoleOutputDriver.Type
        case .vncConsole: driver is any VNCConsoleDriver.Type
        case .spiceConsole: driver is any SPICEConsoleDriver.Type
        case .serialConsole: driver is any SerialConsoleDriver.Type
        case .mksConsole: driver is any MKSConsoleDriver.Type
        case .consolePool: driver is any ConsolePoolDriver.Type
        case .diagnostics, .instanceDiagnostics: driver is any DiagnosingDriver.Type
        case .blockCounters, .interfaceCounters: driver is any DeviceCountingDriver.Type
        case .bandwidth: driver is any BandwidthReportingDriver.Type
        case .volumeUsage: driver is any VolumeUsageReportingDriver.Type
        case .setAdminPassword: driver is any PasswordSettingDriver.Type
        case .injectFile: driver is any FileInjectingDriver.Type
        case .changeMetadata: driver is any MetadataChangingDriver.Type
        case .injectNetworkInfo, .resetNetwork: driver is any NetworkInjectingDriver.Type
        case .triggerCrashDump: driver is any CrashDumpingDriver.Type
        case .softDelete, .restore: driver is any SoftDeletingDriver.Type
        case .rebuild: driver is any RebuildingDriver.Type
        case .mountShare, .unmountShare: driver is any ShareMountingDriver.Type
        case .manageImageCache, .cacheImage: driver is any ImageCachingDriver.Type
        case .defaultRootDeviceName, .defaultDeviceNames, .nextDeviceName: driver is any DeviceNamingDriver.Type
        case .hostPowerAction: driver is any HostPowerDriver.Type
        case .setMaintenance: driver is any HostMaintenanceDriver.Type
        case .setHostEnabled: driver is any HostEnablingDriver.Type
        case .hostUptime: driver is any HostUptimeDriver.Type
        case .hostAddress: driver is any HostAddressDriver.Type
        case .hostStatistics, .hostCPUTimes: driver is any HostStatisticsDriver.Type
        case .receivePowerEvent: driver is any PowerEventReceivingDriver.Type
        case .prepareForSpawn, .cleanUpFailedSpawn: driver is any SpawnPreparingDriver.Type
        case .refreshSecurityGroupRules, .refreshSecurityGroupMembers, .refreshSecurityRules:
            driver is any SecurityGroupDriver.Type
        case .refreshProviderRules: driver is any ProviderRulesDriver.Type
        case .ensureFilters, .removeFilters: driver is any InstanceFilteringDriver.Type
        case .addToAggregate, .removeFromAggregate, .undoAggregateChange: driver is any AggregateDriver.Type
        case .lifecycleEvents: driver is any LifecycleEventDriver.Type
        }
    }

    /// How long an operation may take, and what a call of it may cost.
    public enum Pace: Sendable, Hashable {
        /// Changes nothing.
        case question
        case change
        case reboot
        /// Makes a guest.
        case build
        /// Moves disks or memory: as long as its amount takes.
        case transfer
    }

    public var pace: Pace {
        switch self {
        case .listInstances, .info, .hostResources, .volumeConnector, .checkLiveMigrationSource, .disksOfInstance,
            .checkLiveMigrationDestination, .seesStorageMark, .consoleOutput, .vncConsole, .spiceConsole,
            .serialConsole, .mksConsole, .consolePool, .diagnostics, .instanceDiagnostics, .blockCounters,
            .interfaceCounters, .bandwidth, .volumeUsage, .defaultRootDeviceName, .defaultDeviceNames, .nextDeviceName,
            .hostUptime, .hostAddress, .hostStatistics, .hostCPUTimes, .lifecycleEvents:
            .question
        case .destroy, .powerOff, .powerOn, .pause, .unpause, .resumeStateOnHostBoot, .unrescue, .quiesce, .unquiesce,
            .createVolumeSnapshot, .attachVolume, .detachVolume, .extendVolume, .attachInterface, .detachInterface,
            .plugVIFs, .unplugVIFs, .confirmMigration, .finishRevertMigration, .cleanUpAfterLiveMigration,
            .cleanUpLiveMigrationCheck, .prepareLiveMigration, .finishLiveMigrationAtDestination,
            .rollBackLiveMigrationAtDestination, .forceLiveMigration, .abortLiveMigration, .leaveStorageMark,
            .removeStorageMark, .setAdminPassword, .injectFile, .changeMetadata, .injectNetworkInfo, .resetNetwork,
            .triggerCrashDump, .softDelete, .restore, .mountShare, .unmountShare, .hostPowerAction, .setHostEnabled,
            .receivePowerEvent, .prepareForSpawn, .cleanUpFailedSpawn, .refreshSecurityGroupRules,
            .refreshSecurityGroupMembers, .refreshSecurityRules, .refreshProviderRules, .ensureFilters, .removeFilters,
            .addToAggregate, .removeFromAggregate, .undoAggregateChange:
            .change
        case .reboot: .reboot
        case .spawn, .rescue, .finishMigration, .rebuild: .build
        case .suspend, .resume, .snapshot, .deleteVolumeSnapshot, .swapVolume, .migrateDiskAndPowerOff, .liveMigrate,
            .manageImageCache, .cacheImage, .setMaintenance:
            .transfer
        }
    }
}
