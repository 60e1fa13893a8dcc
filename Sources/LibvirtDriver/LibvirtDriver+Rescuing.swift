// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
internal import ComputeModel
internal import Libvirt
internal import Logging
internal import XML

extension LibvirtDriver: RescuingDriver {
    public func rescue(_ request: RescueRequest) async throws {
        let id = request.instance.id
        try requireWriting(id)
        guard let image = request.image else {
            throw ComputeFault.invalid(
                "The libvirt driver boots a rescue image, and the request has none", instance: id)
        }
        let format = try DiskOverlay.Format(of: image.metadata, instance: id)
        let domain = try await domain(id)
        let (state, isSaved) = try await host.withConnection(for: id) { _ throws(LibvirtError) in
            (try await domain.state(), try await domain.hasManagedSave())
        }
        if isSaved { throw ComputeFault.wrongState(.suspended, for: "be rescued", instance: id) }
        let directory = directory(id)
        let known = try await document(domain, id, inactive: true, withSecrets: true)
        let isRunning = PowerState(state) == .running
        let kept = try await keptDocument(id)
        if kept != nil, isRunning, known.disks.first?.source == directory.rescueDisk { return }
        // What a rescue that was cut off has left says how the guest is without one.
        let original = kept ?? known
        let rescued = try original.rescued(directory, image: image, instance: id)
        let overlay = DiskOverlay(
            path: directory.rescueDisk, basePath: image.path, baseFormat: format, size: image.virtualSize)
        let text = try original.rendered(instance: id)
        let configuration = configuration
        do {
            try await host.files.run(
                "make the rescue disk", within: configuration.imageToolDeadline + .seconds(30)
            ) { () throws(ComputeFault) in
                try overlay.make(
                    instance: id, within: configuration.imageToolDeadline,
                    cpuSeconds: configuration.imageToolCPUSeconds, memory: configuration.imageToolMemory)
                try directory.write(text, to: directory.unrescueDocument)
            }
            try await switchOff(domain, id)
            try await bringUp(try await define(rescued, id), id)
        } catch {
            await uncancelled { [self] in
                await restore(original, id, isRunning: isRunning || kept != nil) {
                    try await self.removeRescueFiles(id)
                }
            }
            throw error
        }
    }

    public func unrescue(_ request: GuestRequest) async throws {
        let id = request.instance.id
        try requireWriting(id)
        let domain = try await domain(id)
        guard let original = try await keptDocument(id) else { return }
        let rescued = try await document(domain, id, inactive: true, withSecrets: true)
        let state = try await host.withConnection(for: id) { _ throws(LibvirtError) in try await domain.state() }
        let isBack = try await document(domain, id).disks.first?.source == original.disks.first?.source
        do {
            // One that was cut off after the start has only its files left.
            if !(isBack && PowerState(state) == .running) {
                try await switchOff(domain, id)
                try await bringUp(try await define(original, id), id)
            }
        } catch {
            await uncancelled { [self] in
                await restore(rescued, id, isRunning: PowerState(state) == .running) {}
            }
            throw error
        }
        // The guest runs, so it is too late to be cancelled.
        try await uncancelled { [self] in try await removeRescueFiles(id) }
    }

    /// How the guest is when it is not rescued, kept while it is.
    private func keptDocument(_ id: InstanceID) async throws -> DomainDocument? {
        let directory = directory(id)
        let text = try await host.files.run("read a guest's own description") { () throws(ComputeFault) in
            try directory.read(directory.unrescueDocument)
        }
        return try text.map { try DomainDocument(parsing: $0, instance: id) }
    }

    private func removeRescueFiles(_ id: InstanceID) async throws {
        let directory = directory(id)
        try await host.files.run("remove the rescue disk") { () throws(ComputeFault) in
            // The description last: as long as it is there, a repeat knows that there is something to do.
            try directory.remove(directory.rescueDisk)
            try directory.remove(directory.unrescueDocument)
        }
    }
}

extension LibvirtDriver {
    /// Puts a guest back to what it was before a change that failed.
    func restore(
        _ document: DomainDocument, _ id: InstanceID, isRunning: Bool, _ rest: @Sendable () async throws -> Void
    ) async {
        let end = ContinuousClock.now + configuration.undoWait
        while true {
            do {
                let domain = try await define(document, id)
                let live = try await self.document(domain, id)
                let isThis = live.disks.map(\.source) == document.disks.map(\.source)
                let state = try await host.withConnection(for: id) { _ throws(LibvirtError) in
                    try await domain.state()
                }
                if !(isThis && PowerState(state) == .running && isRunning) {
                    try await switchOff(domain, id)
                    if isRunning { try await bringUp(domain, id) }
                }
                return try await rest()
            } catch {
                // A connection may be lost without our knowing until the call that fails.
                if (error as? ComputeFault)?.kind == .unavailable, ContinuousClock.now < end {
                    await host.awaitConnection(within: end - ContinuousClock.now)
                    continue
                }
                host.logger.error(
                    "a guest could not be put back to what it was before a change that failed",
                    metadata: ["instance.uuid": "\(id)", "error": "\(error)"])
                return
            }
        }
    }
}

extension InstanceDirectory {
    var rescueDisk: String { path + "/disk.rescue" }
    var unrescueDocument: String { path + "/unrescue.xml" }
}

extension DomainDocument {
    /// The guest with a rescue image's disk before its own root disk, and without its volumes.
    func rescued(
        _ directory: InstanceDirectory, image: LocalImage, instance: InstanceID
    ) throws(ComputeFault) -> DomainDocument {
        let all = root.all("devices/disk").filter { $0["device"] ?? "disk" == "disk" }
        guard let own = all.first, let target = own.first("target")?["dev"], target.utf8.count >= 3 else {
            throw ComputeFault(.hypervisorFailure, "The guest has no root disk to rescue.", instance: instance)
        }
        var rescue = own
        rescue.set("source", XMLElement("source", ["file": directory.rescueDisk]))
        rescue.children.removeAll { $0.isElement(named: "serial") || $0.isElement(named: "alias") }
        var second = own
        let name = LibvirtDriver.freeName(String(target.prefix(2)), [target])
        second.set("target", XMLElement("target", ["dev": name, "bus": own.first("target")?["bus"]]))
        // Places on a bus are libvirt's to give, as there is one disk more.
        second.children.removeAll { $0.isElement(named: "address") || $0.isElement(named: "boot") }
        var changed = self
        for disk in all.dropFirst() { changed.replaceDevice(disk, with: []) }
        changed.replaceDevice(own, with: [rescue, second])
        changed.setDirectBoot(
            image.kernelPath.map { ($0, image.ramdiskPath, "root=/dev/\(target) console=tty0 console=ttyS0") })
        return changed
    }

    /// Boots a kernel directly, or the first disk.
    mutating func setDirectBoot(_ boot: (kernel: String, ramdisk: String?, commandLine: String)?) {
        guard var system = root.first("os") else { return }
        system.children.removeAll {
            $0.isElement(named: "kernel") || $0.isElement(named: "initrd") || $0.isElement(named: "cmdline")
        }
        if let boot {
            system.children.append(.element(XMLElement("kernel", text: boot.kernel)))
            if let ramdisk = boot.ramdisk { system.children.append(.element(XMLElement("initrd", text: ramdisk))) }
            system.children.append(.element(XMLElement("cmdline", text: boot.commandLine)))
        }
        root.set("os", system)
    }
}

extension XMLElement {
    /// Puts an element in the place of the first child of its name, or at the end.
    mutating func set(_ name: String, _ element: XMLElement) {
        if let index = children.firstIndex(where: { $0.isElement(named: name) }) {
            children[index] = .element(element)
        } else {
            children.append(.element(element))
        }
    }
}

extension XMLNode {
    func isElement(named name: String) -> Bool {
        if case .element(let element) = self { element.name.local == name } else { false }
    }
}
