// SPDX-License-Identifier: Apache-2.0

internal import CLibvirt

extension Connection {
    /// All domains with their states in one question, those that are off included (`virConnectGetAllDomainStats`).
    ///
    /// The states alone: libvirt knows them by itself. For the sizes that it offers along with them it asks each
    /// guest's monitor, and one that does not answer would hold up the answer for all (`..._NOWAIT` passes over a
    /// monitor that somebody waits for already, and waits itself for one that nobody has asked yet).
    ///
    /// - Parameter withSizes: Asks for those of each domain too, which needs no monitor (`virDomainGetInfo`).
    public func domains(withSizes: Bool = false) async throws(LibvirtError) -> [DomainRecord] {
        try await call("virConnectGetAllDomainStats", isQuestion: true) { connection in
            var records: UnsafeMutablePointer<virDomainStatsRecordPtr?>?
            let count = virConnectGetAllDomainStats(connection, VIR_DOMAIN_STATS_STATE.rawValue, &records, 0)
            guard count >= 0, let records else { return nil }
            defer { virDomainStatsRecordListFree(records) }
            return (0..<Int(count)).compactMap { index in records[index].flatMap { Self.record($0, withSizes) } }
        }
    }

    private static func record(_ record: virDomainStatsRecordPtr, _ withSizes: Bool) -> DomainRecord? {
        guard let domain = record.pointee.dom, let (uuid, name) = domainIdentity(domain) else { return nil }
        var state: Int32 = 0
        let hasState =
            virTypedParamsGetInt(record.pointee.params, record.pointee.nparams, "state.state", &state) == 1
        var info = virDomainInfo()
        // A domain that has gone since has no sizes.
        let hasInfo = withSizes && virDomainGetInfo(domain, &info) == 0
        return DomainRecord(
            uuid: uuid, name: name, state: hasState ? DomainState(number: state) : .noState,
            vcpus: hasInfo ? Int(info.nrVirtCpu) : nil, maximumMemoryKiB: hasInfo ? UInt64(info.maxMem) : nil)
    }

    /// The domain of a uuid; nil when the hypervisor answers that it knows none (`virDomainLookupByUUIDString`).
    public func domain(uuid: String) async throws(LibvirtError) -> Domain? {
        try await lookUp("virDomainLookupByUUIDString", guest: uuid) { virDomainLookupByUUIDString($0, uuid) }
    }

    /// The domain of a name; nil when the hypervisor answers that it knows none (`virDomainLookupByName`).
    public func domain(name: String) async throws(LibvirtError) -> Domain? {
        try await lookUp("virDomainLookupByName") { virDomainLookupByName($0, name) }
    }

    private func lookUp(
        _ operation: String, guest: String? = nil, _ body: @escaping @Sendable (OpaquePointer) -> OpaquePointer?
    ) async throws(LibvirtError) -> Domain? {
        do throws(LibvirtError) {
            return try await domain(operation, guest: guest, isQuestion: true, body)
        } catch {
            if error.code == .noDomain { return nil }
            throw error
        }
    }

    /// Makes a persistent domain, or changes the one that has this uuid (`virDomainDefineXMLFlags`).
    ///
    /// The document is checked against libvirt's schema (`VIR_DOMAIN_DEFINE_VALIDATE`) when `validating`.
    ///
    /// - Parameter uuid: The domain's, where it is known, so that a call that was given up counts as the guest's.
    public func define(
        _ xml: String, uuid: String? = nil, validating: Bool = false
    ) async throws(LibvirtError) -> Domain {
        let flags = validating ? VIR_DOMAIN_DEFINE_VALIDATE.rawValue : 0
        return try await domain("virDomainDefineXMLFlags", guest: uuid) { virDomainDefineXMLFlags($0, xml, flags) }
    }

    private func domain(
        _ operation: String, guest: String? = nil, isQuestion: Bool = false,
        _ body: @escaping @Sendable (OpaquePointer) -> OpaquePointer?
    ) async throws(LibvirtError) -> Domain {
        let connection = self
        return try await call(operation, guest: guest, isQuestion: isQuestion) { pointer in
            guard let domain = body(pointer) else { return nil }
            defer { virDomainFree(domain) }
            return domainIdentity(domain).map { Domain(uuid: $0.uuid, name: $0.name, connection: connection) }
        }
    }
}
