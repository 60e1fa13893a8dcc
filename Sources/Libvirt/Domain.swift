// SPDX-License-Identifier: Apache-2.0

internal import CLibvirt

/// A domain that the hypervisor knows, or knew: whether it still does shows with the next call.
///
/// Every method makes one call on a lane of the connection, which stays open as long as a domain of it is held.
public final class Domain: Sendable {
    let connection: Connection
    /// In canonical lower-case form.
    public let uuid: String
    public let name: String

    init(uuid: String, name: String, connection: Connection) {
        self.uuid = uuid
        self.name = name
        self.connection = connection
    }

    /// Looks the domain up on the connection that the call is given, and makes it.
    func call<Value: Sendable>(
        _ operation: String, on lane: CallLanes.Choice = .short, isQuestion: Bool = false,
        _ body: @escaping @Sendable (OpaquePointer) -> Value?
    ) async throws(LibvirtError) -> Value {
        let uuid = uuid
        return try await connection.make(operation, on: lane, guest: uuid, isQuestion: isQuestion) {
            connection throws(LibvirtError) in
            guard let domain = virDomainLookupByUUIDString(connection, uuid) else { throw LibvirtError.last(operation) }
            // Forgets the last error, which has been read by then.
            defer { virDomainFree(domain) }
            guard let value = body(domain) else { throw LibvirtError.last(operation) }
            return value
        }
    }

    /// State and use of the host (`virDomainGetInfo`, `virDomainGetState`, `virDomainGetID`).
    public func info() async throws(LibvirtError) -> DomainInfo {
        try await call("virDomainGetInfo", isQuestion: true) { domain in
            var info = virDomainInfo()
            var (state, reason): (Int32, Int32) = (0, 0)
            guard virDomainGetState(domain, &state, &reason, 0) == 0, virDomainGetInfo(domain, &info) == 0 else {
                return nil
            }
            // The id is of the moment in which the domain was looked up.
            let id = virDomainGetID(domain)
            let isStarting =
                DomainState(number: state) == .paused && reason == VIR_DOMAIN_PAUSED_STARTING_UP.rawValue
            return DomainInfo(
                state: DomainState(number: Int32(info.state)), isStarting: isStarting,
                maximumMemoryKiB: UInt64(info.maxMem), memoryKiB: UInt64(info.memory), vcpus: Int(info.nrVirtCpu),
                cpuTime: info.cpuTime,
                id: id == UInt32.max ? nil : Int32(bitPattern: id))
        }
    }

    /// The state alone (`virDomainGetState`).
    public func state() async throws(LibvirtError) -> DomainState {
        try await call("virDomainGetState", isQuestion: true) { domain in
            var state: Int32 = 0
            return virDomainGetState(domain, &state, nil, 0) == 0 ? DomainState(number: state) : nil
        }
    }

    /// Whether the domain is there when it is off (`virDomainIsPersistent`).
    public func isPersistent() async throws(LibvirtError) -> Bool {
        try await call("virDomainIsPersistent", isQuestion: true) { domain in
            let answer = virDomainIsPersistent(domain)
            return answer < 0 ? nil : answer == 1
        }
    }

    /// The document that describes the domain (`virDomainGetXMLDesc`).
    ///
    /// - Parameters:
    ///   - inactive: As it will be started the next time, instead of as it runs.
    ///   - withSecrets: With what must not be shown to anyone; to be defined anew from it.
    public func xml(inactive: Bool = false, withSecrets: Bool = false) async throws(LibvirtError) -> String {
        var flags: UInt32 = 0
        if inactive { flags |= VIR_DOMAIN_XML_INACTIVE.rawValue }
        if withSecrets { flags |= VIR_DOMAIN_XML_SECURE.rawValue }
        let wanted = flags
        return try await call("virDomainGetXMLDesc", isQuestion: true) { takeString(virDomainGetXMLDesc($0, wanted)) }
    }

    /// Starts the domain (`virDomainCreateWithFlags`).
    ///
    /// - Parameters:
    ///   - paused: Leaves the guest's processors halted until ``resume()``.
    ///   - isRestored: Whether its memory comes from the disk, which may take as long as that is large.
    public func create(paused: Bool = false, isRestored: Bool = false) async throws(LibvirtError) {
        let flags = paused ? VIR_DOMAIN_START_PAUSED.rawValue : 0
        try await call("virDomainCreateWithFlags", on: isRestored ? .transfer : .long) {
            done(virDomainCreateWithFlags($0, flags))
        }
    }

    /// Presses the power button by ACPI (`virDomainShutdownFlags`); returns at once, whatever the guest makes of it.
    public func shutdown() async throws(LibvirtError) {
        let flags = VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN.rawValue
        try await call("virDomainShutdownFlags") { done(virDomainShutdownFlags($0, flags)) }
    }

    /// Pulls the plug (`virDomainDestroyFlags`).
    ///
    /// - Parameter gracefully: Refuses to kill a hypervisor process that does not end by itself.
    public func destroy(gracefully: Bool = false) async throws(LibvirtError) {
        let flags = gracefully ? VIR_DOMAIN_DESTROY_GRACEFUL.rawValue : VIR_DOMAIN_DESTROY_DEFAULT.rawValue
        try await call("virDomainDestroyFlags") { done(virDomainDestroyFlags($0, flags)) }
    }

    /// Forgets the domain with all that libvirt keeps for it: saved state, snapshots, checkpoints, NVRAM
    /// (`virDomainUndefineFlags`). A hypervisor that has none of these is asked without.
    public func undefine() async throws(LibvirtError) {
        let flags =
            VIR_DOMAIN_UNDEFINE_MANAGED_SAVE.rawValue | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA.rawValue
            | VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA.rawValue | VIR_DOMAIN_UNDEFINE_NVRAM.rawValue
        try await call("virDomainUndefineFlags") { domain in
            if virDomainUndefineFlags(domain, flags) == 0 { return () }
            let code = virGetLastError().map { LibvirtError.Code(rawValue: $0.pointee.code) }
            guard code == .noSupport || code == LibvirtError.Code.invalidArgument else { return nil }
            virResetLastError()
            return done(virDomainUndefine(domain))
        }
    }

    /// Halts the guest's processors (`virDomainSuspend`).
    public func suspend() async throws(LibvirtError) {
        try await call("virDomainSuspend") { done(virDomainSuspend($0)) }
    }

    /// Lets them run again (`virDomainResume`).
    public func resume() async throws(LibvirtError) {
        try await call("virDomainResume") { done(virDomainResume($0)) }
    }
}

/// Success or failure of a call that returns 0 or -1.
func done(_ result: Int32) -> Void? { result == 0 ? () : nil }
