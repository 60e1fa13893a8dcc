// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import XML

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// An interface of a guest on a bridge of the host, from the network service's description of it.
struct GuestInterface: Sendable, Hashable {
    /// In lower case.
    let macAddress: String
    let bridge: String
    /// The interface's name on the host.
    let device: String

    /// Takes an element of nova's network info.
    ///
    /// - Throws: `invalid`, naming the type, for an interface that is plugged in a way that this driver does not know.
    init(_ description: JSONValue, instance: InstanceID) throws(ComputeFault) {
        let type = description["type"]?.string ?? "bridge"
        guard type == "bridge" else {
            throw ComputeFault.invalid(
                "The libvirt driver plugs interfaces into bridges, not by '\(SafeText.withoutPaths(type))'",
                instance: instance)
        }
        guard let address = Self.macAddress(description) else {
            throw ComputeFault.invalid("An interface of the guest has no MAC address", instance: instance)
        }
        guard let bridge = description["network"]?["bridge"]?.string, Self.isName(bridge) else {
            throw ComputeFault.invalid("The network of interface \(address) names no bridge", instance: instance)
        }
        macAddress = address
        self.bridge = bridge
        let name = description["devname"]?.string ?? "tap" + (description["id"]?.string ?? address).filter { $0 != ":" }
        device = String(name.prefix(14))
        guard Self.isName(device) else {
            throw ComputeFault.invalid("The device's name of interface \(address) can't be one", instance: instance)
        }
    }

    /// The address of an interface; nil where it has none.
    static func macAddress(_ description: JSONValue) -> String? {
        guard let text = description["address"]?.string?.lowercased() else { return nil }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 6, parts.allSatisfy({ $0.utf8.count == 2 && $0.allSatisfy(\.isHexDigit) }) else {
            return nil
        }
        return text
    }

    /// What the kernel takes for a name, less than it allows: it becomes part of a path.
    private static func isName(_ text: String) -> Bool {
        (1...15).contains(text.utf8.count) && text != "." && text != ".."
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
    }

    /// Makes sure that the bridge is there, on the file lane.
    func requireBridge(_ instance: InstanceID) throws(ComputeFault) {
        guard access("/sys/class/net/\(bridge)/bridge", F_OK) == 0 else {
            throw ComputeFault(
                .hypervisorFailure,
                "The host has no bridge '\(bridge)'; whoever serves the network makes it before guests come.",
                instance: instance, isRetriable: true)
        }
    }

    var xml: XMLElement {
        XMLElement("interface", ["type": "bridge"]) {
            XMLElement("mac", ["address": macAddress])
            XMLElement("source", ["bridge": bridge])
            XMLElement("target", ["dev": device])
            XMLElement("model", ["type": "virtio"])
        }
    }
}

extension LibvirtDriver {
    /// The interfaces of a guest, each with its bridge on this host.
    func interfaces(_ networkInfo: [JSONValue], _ id: InstanceID) async throws -> [GuestInterface] {
        guard !networkInfo.isEmpty else { return [] }
        let interfaces = try networkInfo.map { try GuestInterface($0, instance: id) }
        guard Set(interfaces.map(\.macAddress)).count == interfaces.count else {
            throw ComputeFault.invalid("Two interfaces of the guest have the same MAC address", instance: id)
        }
        try await host.files.run("look for the host's bridges") { () throws(ComputeFault) in
            for interface in interfaces { try interface.requireBridge(id) }
        }
        return interfaces
    }
}
