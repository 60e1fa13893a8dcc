// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
internal import ComputeModel
internal import Libvirt
internal import Logging
internal import XML

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibvirtDriver {
    public func spawn(_ request: SpawnRequest) async throws {
        let instance = request.instance
        try requireWriting(instance.id)
        guard let image = request.image else {
            throw ComputeFault.invalid(
                "The libvirt driver boots from an image, and the request has none", instance: instance.id)
        }
        let format = try DiskOverlay.Format(of: image.metadata, instance: instance.id)
        _ = try GuestDescription.domainName(of: instance)
        let root = try GuestDescription.diskBus(of: image, instance: instance.id).firstDevice
        let volumes = try request.blockDevices.map { try LocalVolume($0, instance: instance.id) }
        let names = [root] + volumes.map(\.target)
        guard Set(names).count == names.count else {
            throw ComputeFault.invalid("Two disks of the guest have the same device name", instance: instance.id)
        }
        let interfaces = try await interfaces(request.networkInfo, instance.id)
        try await refuseExisting(instance)
        do {
            try await build(instance, image: image, format: format, volumes: volumes, interfaces: interfaces)
        } catch {
            await uncancelled { [self] in await undo(instance, because: error) }
            throw error
        }
    }

    /// A domain of this uuid is somebody's guest, and is left alone. Files without a domain are what a build left that
    /// never came to its end, and make way.
    private func refuseExisting(_ instance: Instance) async throws {
        let existing = try await knownDomain(instance.id)
        guard existing == nil else {
            throw ComputeFault(
                .instanceExists, "Instance \(instance.id) already exists.", instance: instance.id,
                arguments: ["name": .string(instance.name)])
        }
    }

    private func build(
        _ instance: Instance, image: LocalImage, format: DiskOverlay.Format, volumes: [LocalVolume],
        interfaces: [GuestInterface]
    ) async throws {
        let directory = directory(instance.id)
        let overlay = DiskOverlay(
            path: directory.disk, basePath: image.path, baseFormat: format,
            size: DiskOverlay.size(rootGiB: instance.rootGiB, imageSize: image.virtualSize))
        let userID = try await host.hypervisorUserID()
        let configuration = configuration
        let further = LocalDisk.wanted(by: instance)
        var furtherDisks: [XMLElement] = []
        for volume in volumes { furtherDisks.append(try await device(of: volume, instance: instance.id)) }
        let supportsDirectIO = try await host.files.run(
            "make the instance's files", within: configuration.imageToolDeadline + .seconds(30)
        ) { () throws(ComputeFault) in
            try directory.make(isEntered: userID.map { $0 != 0 && $0 != geteuid() } ?? false)
            try overlay.make(
                instance: instance.id, within: configuration.imageToolDeadline,
                cpuSeconds: configuration.imageToolCPUSeconds, memory: configuration.imageToolMemory)
            let limits = DiskImage.Limits(
                deadline: configuration.imageToolDeadline, cpuSeconds: configuration.imageToolCPUSeconds,
                memory: configuration.imageToolMemory)
            for disk in further { try disk.make(in: directory, limits: limits) }
            return directory.supportsDirectIO()
        }
        let bus = try GuestDescription.diskBus(of: image, instance: instance.id)
        var taken = Set([bus.firstDevice] + volumes.map(\.target))
        let local = further.map { disk in
            let name = Self.freeName(String(bus.firstDevice.prefix(2)), taken)
            taken.insert(name)
            return disk.xml(in: directory, target: name, bus: bus.rawValue, usesDirectIO: supportsDirectIO)
        }
        let (choice, facts) = await virtualization()
        let description = try GuestDescription(
            instance, image: image, directory: directory,
            on: .init(
                type: choice.type, hasHardware: facts.hasHardware, supportsDirectIO: supportsDirectIO,
                vncListenAddress: configuration.vnc?.listenAddress, furtherDisks: local + furtherDisks,
                interfaces: interfaces), at: now())
        let document: String
        do throws(XMLError) {
            document = try description.xml.rendered()
        } catch {
            throw ComputeFault.invalid("The guest can't be described to libvirt: \(error)", instance: instance.id)
        }
        let domain = try await host.withConnection(for: instance.id) { connection throws(LibvirtError) in
            try await connection.define(document, uuid: instance.id.description)
        }
        try await bringUp(domain, instance.id)
    }

    /// Starts a domain and waits until libvirt tells by itself that it runs.
    ///
    /// - Parameter mayBeSaved: Whether there may be saved memory that is read first, which is then looked up.
    func bringUp(_ domain: Domain, _ instance: InstanceID, mayBeSaved: Bool = false) async throws {
        let started = host.events.expect([.started], of: domain.uuid)
        let state: DomainState
        do {
            state = try await host.withConnection(for: instance) { _ throws(LibvirtError) in
                // Only what takes as long as a move waits behind moves.
                let isRestored = mayBeSaved ? try await domain.hasManagedSave() : false
                do throws(LibvirtError) { try await domain.create(isRestored: isRestored) } catch {
                    // A start that was under way already, as by a worker that has died, came first.
                    guard error.code == .operationInvalid, try await domain.state() == .running else { throw error }
                    started.cancel()
                    return .running
                }
                do throws(LibvirtError) { _ = try await started.event(within: configuration.startWait) } catch {
                    // Who is cancelled now comes too late: the guest has been started.
                    guard error.kind == .cancelled else { throw error }
                }
                return try await uncancelled { () throws(LibvirtError) in try await domain.state() }
            }
        } catch {
            started.cancel()
            throw error
        }
        guard PowerState(state) == .running else {
            throw ComputeFault(
                .hypervisorFailure, "The guest was started and is \(PowerState(state)) instead of running.",
                instance: instance)
        }
    }

    /// Takes back what a failed build has made, and waits for libvirt if that is away. Files go only when it is certain
    /// that no guest has them open.
    private func undo(_ instance: Instance, because error: any Error) async {
        host.logger.warning(
            "build failed, taking back what it made",
            metadata: ["instance.uuid": "\(instance.id)", "error": "\(error)"])
        let end = ContinuousClock.now + configuration.undoWait
        while true {
            do {
                return try await remove(instance.id)
            } catch let leftover {
                // A connection may be lost without our knowing until the call that fails.
                if (leftover as? ComputeFault)?.kind == .unavailable, ContinuousClock.now < end {
                    await host.awaitConnection(within: end - ContinuousClock.now)
                    continue
                }
                host.logger.error(
                    "a failed build could not be taken back: its domain or its files may be left",
                    metadata: ["instance.uuid": "\(instance.id)", "error": "\(leftover)"])
                return
            }
        }
    }
}
