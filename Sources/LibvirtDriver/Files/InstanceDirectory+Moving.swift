// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import FoundationEssentials
internal import XML

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A guest's files while the guest moves from one host, or one size, to another; every method belongs on the file lane.
extension InstanceDirectory {
    /// How libvirt is to know the guest on the other side.
    var domainDocument: String { path + "/libvirt.xml" }
    /// The name of the host whose the directory is, where two may see it; absent where nobody else does.
    private var ownerFile: String { path + "/host" }
    /// What the source keeps until a resize is confirmed.
    private var keptPath: String { path + "_resize" }
    var kept: InstanceDirectory { InstanceDirectory(instance, at: keptPath) }

    /// How far a resize is, by its files on the source.
    enum MoveStage: Sendable, Hashable {
        case none
        /// Files were put aside, and not all is where the destination looks.
        case cutOff
        /// All is where the destination looks.
        case moved
        /// The guest was built from it, on this host.
        case finished
    }

    func moveStage() throws(ComputeFault) -> MoveStage {
        guard kept.exists else { return .none }
        if try read(domainDocument) != nil { return .moved }
        return try owner() == nil ? .cutOff : .finished
    }

    /// The files of the guest's disks, the root disk first. A move that overlooked one would lose it.
    func diskFiles() throws(ComputeFault) -> [String] {
        guard exists else { return [] }
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: path) } catch {
            throw ComputeFault(
                .hypervisorFailure, "The worker can't list the instance's files: \(error)", instance: instance,
                isRetriable: true)
        }
        return names.filter { $0 == "disk" || $0.hasPrefix("disk.") }.sorted()
    }

    func owner() throws(ComputeFault) -> String? { try read(ownerFile) }

    func setOwner(_ host: String) throws(ComputeFault) { try write(host, to: ownerFile) }

    func forgetOwner() throws(ComputeFault) { try remove(ownerFile) }

    /// Where the directory for a guest that is to come is, until it says whose it is.
    private var nascent: InstanceDirectory { InstanceDirectory(instance, at: path + "_coming") }

    /// Makes the directory anew as a host's own. It is never seen without its owner: what nobody owns may be another
    /// host's, and nobody would dare to remove it.
    func make(isEntered: Bool, owner: String) throws(ComputeFault) {
        try nascent.make(isEntered: isEntered)
        try nascent.setOwner(owner)
        if exists { try remove() }
        guard rename(nascent.path, path) == 0 else { throw failure("can't put the instance's directory in its place") }
    }

    /// Removes what a host has made here for a guest that did not come, also what is left of that after a cut.
    func discard(madeBy host: String) throws(ComputeFault) {
        try nascent.remove()
        guard exists, try owner() == host else { return }
        // Never seen without its owner on its way out either.
        guard rename(path, nascent.path) == 0 else { throw failure("can't put the instance's files aside") }
        try nascent.remove()
    }

    /// Whether a host may remove the directory: it is its own, or nobody said whose it is.
    func belongs(to host: String, alsoUnowned: Bool = true) throws(ComputeFault) -> Bool {
        try owner().map { $0 == host } ?? alsoUnowned
    }

    /// Whether a move has put disks here that nobody has built a guest from; they are the source's to remove.
    func holdsUnusedCopy() throws(ComputeFault) -> Bool {
        switch try moveStage() {
        case .moved, .cutOff: true
        case .none, .finished: false
        }
    }

    /// Puts the directory aside as what the source keeps.
    func putAside() throws(ComputeFault) {
        guard rename(path, keptPath) == 0 else { throw failure("can't put the instance's files aside") }
    }

    /// Brings back what ``putAside()`` put away; what stands in its place is removed.
    func bringBack(to host: String) throws(ComputeFault) {
        guard kept.exists else { return }
        // Before it is where another host looks, which may be told to remove what it finds there.
        try kept.setOwner(host)
        if exists { try remove() }
        guard rename(keptPath, path) == 0 else { throw failure("can't bring the instance's files back") }
    }
}

extension DomainDocument {
    /// The same guest with its files in another directory.
    func rebased(from old: String, to new: String) -> DomainDocument {
        guard old != new else { return self }
        return DomainDocument(Self.rebased(root, from: old + "/", to: new + "/"))
    }

    private static func rebased(_ element: XMLElement, from old: String, to new: String) -> XMLElement {
        var element = element
        for (index, attribute) in element.attributes.enumerated() where attribute.value.hasPrefix(old) {
            element.attributes[index].value = new + attribute.value.dropFirst(old.count)
        }
        for (index, child) in element.children.enumerated() {
            if case .element(let inner) = child {
                element.children[index] = .element(rebased(inner, from: old, to: new))
            }
        }
        return element
    }

    /// The same guest in another size; a document that says more of memory and processors than this driver writes loses
    /// that.
    func resized(to instance: Instance) -> DomainDocument {
        var changed = self
        let memory = String(instance.memoryMiB * 1024)
        changed.root.set("memory", XMLElement("memory", ["unit": "KiB"], text: memory))
        changed.root.set("currentMemory", XMLElement("currentMemory", ["unit": "KiB"], text: memory))
        changed.root.set("vcpu", XMLElement("vcpu", text: String(instance.vcpus)))
        if var cpu = root.first("cpu"), cpu.first("topology") != nil {
            cpu.set(
                "topology",
                XMLElement("topology", ["sockets": String(instance.vcpus), "cores": "1", "threads": "1"]))
            changed.root.set("cpu", cpu)
        }
        if var metadata = root.first("metadata"), var nova = metadata.first("instance"),
            var flavor = nova.first("flavor")
        {
            let namespace = NovaMetadata.namespace
            for (name, value) in [
                ("memory", instance.memoryMiB), ("disk", instance.rootGiB), ("vcpus", instance.vcpus),
            ] { flavor.set(name, XMLElement(XMLName(name, in: namespace), text: String(value))) }
            if let name = instance.flavorName {
                flavor.attributes = [XMLAttribute("name", XMLElement.expressible(name))]
            }
            nova.set("flavor", flavor)
            metadata.set("instance", nova)
            changed.root.set("metadata", metadata)
        }
        return changed
    }
}
