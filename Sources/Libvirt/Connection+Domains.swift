// SPDX-License-Identifier: Apache-2.0

internal import CLibvirt

extension Connection {
    /// All domains with their states in one question, those that are off included (`virConnectGetAllDomainStats`).
    ///
    /// A domain whose monitor hangs does not hold up the answer for the others.
    public func domains() async throws(LibvirtError) -> [DomainRecord] {
        try await call("virConnectGetAllDomainStats") { connection in
            var records: UnsafeMutablePointer<virDomainStatsRecordPtr?>?
            let groups =
                VIR_DOMAIN_STATS_STATE.rawValue | VIR_DOMAIN_STATS_BALLOON.rawValue
                | VIR_DOMAIN_STATS_VCPU.rawValue
            let flags = VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT.rawValue
            let count = virConnectGetAllDomainStats(connection, groups, &records, flags)
            guard count >= 0, let records else { return nil }
            defer { virDomainStatsRecordListFree(records) }
            return (0..<Int(count)).compactMap { index in records[index].flatMap(Self.record) }
        }
    }

    private static func record(_ record: virDomainStatsRecordPtr) -> DomainRecord? {
        guard let domain = record.pointee.dom, let (uuid, name) = domainIdentity(domain) else { return nil }
        let parameters = record.pointee.params
        let count = record.pointee.nparams
        var state: Int32 = 0
        var vcpus: UInt32 = 0
        var memory: UInt64 = 0
        let hasState = virTypedParamsGetInt(parameters, count, "state.state", &state) == 1
        let hasVCPUs = virTypedParamsGetUInt(parameters, count, "vcpu.maximum", &vcpus) == 1
        let hasMemory = virTypedParamsGetULLong(parameters, count, "balloon.maximum", &memory) == 1
        return DomainRecord(
            uuid: uuid, name: name, state: hasState ? DomainState(number: state) : .noState,
            maximumVCPUs: hasVCPUs ? Int(vcpus) : nil, maximumMemoryKiB: hasMemory ? memory : nil)
    }

    /// The domain of a uuid; nil when the hypervisor answers that it knows none (`virDomainLookupByUUIDString`).
    public func domain(uuid: String) async throws(LibvirtError) -> Domain? {
        try await lookUp("virDomainLookupByUUIDString") { virDomainLookupByUUIDString($0, uuid) }
    }

    /// The domain of a name; nil when the hypervisor answers that it knows none (`virDomainLookupByName`).
    public func domain(name: String) async throws(LibvirtError) -> Domain? {
        try await lookUp("virDomainLookupByName") { virDomainLookupByName($0, name) }
    }

    private func lookUp(
        _ operation: String, _ body: @escaping @Sendable (OpaquePointer) -> OpaquePointer?
    ) async throws(LibvirtError) -> Domain? {
        do throws(LibvirtError) {
            return try await domain(operation, body)
        } catch {
            if error.code == .noDomain { return nil }
            throw error
        }
    }

    /// Makes a persistent domain, or changes the one that has this uuid (`virDomainDefineXMLFlags`).
    ///
    /// The document is checked against libvirt's schema (`VIR_DOMAIN_DEFINE_VALIDATE`) when `validating`.
    public func define(_ xml: String, validating: Bool = false) async throws(LibvirtError) -> Domain {
        let flags = validating ? VIR_DOMAIN_DEFINE_VALIDATE.rawValue : 0
        return try await domain("virDomainDefineXMLFlags") { virDomainDefineXMLFlags($0, xml, flags) }
    }

    private func domain(
        _ operation: String, _ body: @escaping @Sendable (OpaquePointer) -> OpaquePointer?
    ) async throws(LibvirtError) -> Domain {
        let connection = self
        return try await call(operation) { pointer in
            guard let domain = body(pointer) else { return nil }
            guard let (uuid, name) = domainIdentity(domain) else {
                virDomainFree(domain)
                return nil
            }
            return Domain(domain, uuid: uuid, name: name, connection: connection)
        }
    }
}
