// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import FakeDriver
internal import LibvirtDriver
internal import Logging

/// Makes the driver that the configuration names; the one place that knows all families.
enum DriverFactory {
    static func make(
        _ configuration: WorkerConfiguration, _ makeLogger: (String) -> Logger
    ) -> any ComputeDriver {
        switch configuration.driver {
        case FakeDriver.name.rawValue:
            FakeDriver(hostname: configuration.host, faults: FaultPlan(configuration.fake))
        default:
            LibvirtDriver(
                configuration: LibvirtDriverConfiguration(configuration), logger: makeLogger("compute.driver.libvirt"))
        }
    }
}

extension FaultPlan {
    /// What nova.conf decides about the driver in memory.
    convenience init(_ options: FakeOptions) {
        self.init()
        guard options.operationDelay > .zero else { return }
        let changes: [DriverOperation] = [
            .spawn, .destroy, .reboot, .powerOff, .powerOn, .pause, .unpause, .suspend, .resume, .rescue, .unrescue,
            .rebuild, .snapshot, .setAdminPassword, .injectFile, .attachVolume, .detachVolume, .swapVolume,
            .extendVolume, .attachInterface, .detachInterface, .migrateDiskAndPowerOff, .finishMigration,
            .finishRevertMigration, .liveMigrate, .softDelete, .restore,
        ]
        for change in changes {
            plan(.delay(options.operationDelay), for: change)
        }
    }
}

extension LibvirtDriverConfiguration {
    /// What nova.conf decides about libvirt.
    init(_ configuration: WorkerConfiguration) {
        let options = configuration.libvirt
        self.init(
            uri: options.connectionURI ?? "qemu:///system", isReadOnly: options.isReadOnly, userName: options.userName,
            password: options.password, virtType: options.virtType,
            instancesPath: configuration.store.instancesPath, hostName: configuration.host,
            address: configuration.address, hostsOfSameInstancesPath: options.hostsOfSameInstancesPath,
            liveMigrationURI: options.liveMigrationURI, liveMigrationAddress: options.liveMigrationAddress,
            vnc: options.vnc, softRebootWait: options.softRebootWait)
    }
}
