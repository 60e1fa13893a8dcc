// SPDX-License-Identifier: Apache-2.0

internal import CLibvirt

/// A move of a running domain to another libvirt, memory and, where wanted, disks.
public struct DomainMove: Sendable, Hashable {
    /// The other libvirt, as this one's daemon reaches it.
    public var destinationURI: String
    /// Where the other hypervisor process is reached by this one (`tcp://10.0.0.2`); nil for what the other one says.
    public var dataURI: String?
    /// The address that the other hypervisor process listens on; nil for all.
    public var listenAddress: String?
    /// Whether the local disks are copied, what is below them left out.
    public var takesDisks: Bool
    /// Whether libvirt's doubts about the disks' storage are answered: both see the same bytes.
    public var isStorageKnownSafe: Bool
    /// What the domain is to be over there, as it runs and as it is started; nil for what it is here.
    public var destinationXML: String?
    public var persistentXML: String?

    public init(destinationURI: String, takesDisks: Bool) {
        self.destinationURI = destinationURI
        self.takesDisks = takesDisks
        isStorageKnownSafe = false
    }
}

extension Domain {
    /// Moves the running domain, which is defined over there and here no more when it has gone
    /// (`virDomainMigrateToURI3`, peer to peer).
    public func migrate(_ move: DomainMove) async throws(LibvirtError) {
        var flags =
            VIR_MIGRATE_LIVE.rawValue | VIR_MIGRATE_PEER2PEER.rawValue | VIR_MIGRATE_PERSIST_DEST.rawValue
            | VIR_MIGRATE_UNDEFINE_SOURCE.rawValue
        if move.takesDisks { flags |= VIR_MIGRATE_NON_SHARED_INC.rawValue }
        if move.isStorageKnownSafe { flags |= VIR_MIGRATE_UNSAFE.rawValue }
        let wanted = flags
        try await call("virDomainMigrateToURI3", on: .transfer) { domain -> Void? in
            var parameters: virTypedParameterPtr?
            var (count, room): (Int32, Int32) = (0, 0)
            defer { virTypedParamsFree(parameters, count) }
            for (name, value) in [
                (VIR_MIGRATE_PARAM_URI, move.dataURI), (VIR_MIGRATE_PARAM_LISTEN_ADDRESS, move.listenAddress),
                (VIR_MIGRATE_PARAM_DEST_XML, move.destinationXML),
                (VIR_MIGRATE_PARAM_PERSIST_XML, move.persistentXML),
            ] {
                guard let value else { continue }
                guard virTypedParamsAddString(&parameters, &count, &room, name, value) == 0 else { return nil }
            }
            return done(virDomainMigrateToURI3(domain, move.destinationURI, parameters, UInt32(count), wanted))
        }
    }

    /// The document that another libvirt takes a running domain by (`VIR_DOMAIN_XML_MIGRATABLE`), secrets included.
    public func migratableXML() async throws(LibvirtError) -> String {
        let flags = VIR_DOMAIN_XML_MIGRATABLE.rawValue | VIR_DOMAIN_XML_SECURE.rawValue
        return try await call("virDomainGetXMLDesc", isQuestion: true) { takeString(virDomainGetXMLDesc($0, flags)) }
    }
}
