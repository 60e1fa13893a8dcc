// SPDX-License-Identifier: Apache-2.0

/// What is to bring what Folsom's drivers had and no driver of a real hypervisor has yet, or not all of it.
public enum PlannedWork: String, Sendable, Hashable, CaseIterable {
    case libvirtImages = "libvirt: images of an image service"
    case libvirtContents = "libvirt: config drive and injected files"
    case libvirtVolumes = "libvirt: volumes that several hosts reach"
    case libvirtNetwork = "libvirt: bridges and filters of the host"
    case libvirtDisks = "libvirt: disks that move between hosts"
    case xenAPI = "XenAPI: a driver"

    /// The family whose driver it is part of.
    public var family: FolsomMethod.Family {
        switch self {
        case .libvirtImages, .libvirtContents, .libvirtVolumes, .libvirtNetwork, .libvirtDisks: .libvirt
        case .xenAPI: .xenAPI
        }
    }

    /// What it is.
    public var summary: String {
        switch self {
        case .libvirtImages: "images that are fetched, converted, and kept for the next build"
        case .libvirtContents: "what a guest is to find: metadata and user data on a disk, files, keys, a password"
        case .libvirtVolumes: "iSCSI, RBD, NFS and their like, which a guest keeps when it moves"
        case .libvirtNetwork: "bridges and VLANs that are made where they are missing, and the rules of security groups"
        case .libvirtDisks: "disks that a resize or a migration copies to a host that shares no storage"
        case .xenAPI: "guests of XenServer and XCP-ng, with their agent, pools and host operations"
        }
    }

    /// The operations that it brings, or completes.
    public var operations: [DriverOperation] {
        switch self {
        case .libvirtImages: [.spawn, .rescue, .manageImageCache, .cacheImage]
        case .libvirtContents: [.spawn, .rescue]
        case .libvirtVolumes: [.spawn, .attachVolume, .swapVolume, .liveMigrate]
        case .libvirtNetwork:
            [
                .spawn, .plugVIFs, .attachInterface, .refreshSecurityGroupRules, .refreshSecurityGroupMembers,
                .refreshSecurityRules, .refreshProviderRules, .ensureFilters, .removeFilters,
            ]
        case .libvirtDisks: [.migrateDiskAndPowerOff]
        case .xenAPI:
            [
                .consolePool, .injectFile, .changeMetadata, .injectNetworkInfo, .resetNetwork, .hostPowerAction,
                .setMaintenance, .setHostEnabled, .addToAggregate, .removeFromAggregate, .undoAggregateChange,
            ]
        }
    }
}
