// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel
internal import Libvirt
public import Logging
internal import Synchronization

/// The driver for guests that QEMU runs under libvirt, by kvm or by emulation.
///
/// A guest is a persistent domain with the instance's uuid and name; its files are in a directory named by it. The
/// driver keeps nothing of its own: after a restart of it, or of libvirt, it goes on with what libvirt knows.
public final class LibvirtDriver: Sendable {
    public static let name = DriverName(rawValue: "libvirt.LibvirtDriver")
    public static let caveats: [DriverOperation: String] = [
        .spawn: "raw and qcow2 images, local volumes and bridges of this host; no config drive, no injected files",
        .suspend: "libvirt shows a guest whose memory is on the disk as one that is off",
        .rescue: "raw and qcow2 images of this host; volumes are unplugged meanwhile, the password is the image's own",
        .attachVolume: "volumes of type local (a file or a block device of this host)",
        .swapVolume: "volumes of type local; the guest goes on to see the old one's serial until its next start",
        .setAdminPassword: "guests whose image has hw_qemu_guest_agent and an agent in it",
        .quiesce: "guests whose image has hw_qemu_guest_agent and an agent in it",
        .attachInterface: "interfaces on a bridge that is there",
        .plugVIFs: "of a guest that runs; libvirt connects the interfaces of one that it starts",
        .migrateDiskAndPowerOff: "on the same host, or to one that sees the same directory of instances",
        .liveMigrate: "peer to peer, with block migration or shared storage; not with volumes, but on one machine",
        .forceLiveMigration: "the guest pauses until it has moved",
        .triggerCrashDump: "a non-maskable interrupt; whether it makes a dump is the guest's doing",
    ]
    public static let acceptedSpawnArguments: Set<SpawnArgument> = [.networks, .volumes, .ephemeralDisk, .swapDisk]
    public static let needsImage = true

    let configuration: LibvirtDriverConfiguration
    let host: LibvirtHost
    let now: @Sendable () -> Timestamp
    private let choice = Mutex<(VirtTypeChoice, HostVirtualization)?>(nil)

    /// - Parameter now: The time that is written into a domain's metadata.
    public convenience init(
        configuration: LibvirtDriverConfiguration, logger: Logger,
        now: @escaping @Sendable () -> Timestamp = LibvirtDriver.systemTime
    ) {
        self.init(configuration: configuration, logger: logger, now: now, hears: { _ in true })
    }

    /// - Parameter hears: Which of libvirt's events arrive; the others are as if libvirt had never told of them.
    init(
        configuration: LibvirtDriverConfiguration, logger: Logger, now: @escaping @Sendable () -> Timestamp,
        hears: @escaping @Sendable (DomainEvent) -> Bool
    ) {
        self.configuration = configuration
        self.now = now
        host = LibvirtHost(configuration, logger: logger, hears: hears)
    }

    /// Which kind of domain the driver makes, and why; known from the first time that somebody asks.
    public func virtTypeChoice() async -> VirtTypeChoice { await virtualization().choice }

    /// The choice and what it rests on, looked up once.
    func virtualization() async -> (choice: VirtTypeChoice, host: HostVirtualization) {
        if let known = choice.withLock({ $0 }) { return (known.0, known.1) }
        let facts =
            (try? await host.files.run("look at /dev/kvm") { () throws(ComputeFault) in HostFigures.virtualization() })
            ?? HostVirtualization(device: .refuses("it could not be looked at"), processorFlag: nil)
        let made = VirtTypeChoice.choose(configured: configuration.virtType, host: facts)
        choice.withLock { $0 = (made, facts) }
        return (made, facts)
    }

    func directory(_ instance: InstanceID) -> InstanceDirectory {
        InstanceDirectory(instance, in: configuration.instancesPath)
    }

    /// Refuses what changes a guest over a connection that may not.
    func requireWriting(_ instance: InstanceID) throws(ComputeFault) {
        guard configuration.isReadOnly else { return }
        throw ComputeFault(
            .hypervisorFailure,
            "The worker is connected to libvirt read-only (connection_read_only) and changes no guest.",
            instance: instance, isRetriable: false)
    }
}
