// SPDX-License-Identifier: Apache-2.0

internal import CLibvirt
internal import Synchronization

/// The owner of libvirt's connection: closes it when nobody holds it any more.
final class ConnectionHandle: @unchecked Sendable {
    // Because libvirt's connections may be used from many threads at once, and the rest is guarded by a mutex.
    // "virConnectPtr … is thread safe"; what is per thread is the last error, read in the job that made the call.
    let pointer: OpaquePointer
    private let lane: CallLane
    private let registrations = Mutex<Set<Int32>>([])

    init(_ pointer: OpaquePointer, lane: CallLane) {
        self.pointer = pointer
        self.lane = lane
    }

    func add(_ registration: Int32) { registrations.withLock { _ = $0.insert(registration) } }

    /// Forgets a registration; false if it was forgotten before.
    func remove(_ registration: Int32) -> Bool { registrations.withLock { $0.remove(registration) != nil } }

    deinit {
        // Closing asks the peer and may block, and so has to happen on a lane. Each callback holds a reference of its
        // own to libvirt's connection, which would stay open without taking them back.
        let closing = Closing(pointer: pointer, registrations: registrations.withLock { $0 })
        lane.detach("virConnectClose", within: .seconds(30)) { closing.close() }
    }

    private struct Closing: @unchecked Sendable {
        // Because the one reference to the pointer has moved here.
        let pointer: OpaquePointer
        let registrations: Set<Int32>

        func close() {
            for registration in registrations { _ = virConnectDomainEventDeregisterAny(pointer, registration) }
            _ = virConnectUnregisterCloseCallback(pointer, connectionClosed)
            _ = virConnectClose(pointer)
        }
    }
}

/// What a C callback holds on to; +1 taken at the registration, released by libvirt through ``releaseBox``.
final class CallbackBox<Value: Sendable>: Sendable {
    let deliver: @Sendable (Value) -> Void
    init(_ deliver: @escaping @Sendable (Value) -> Void) { self.deliver = deliver }
}

/// Why a connection has ended (`virConnectCloseReason`).
public enum CloseReason: Int32, Sendable, Hashable {
    case error = 0
    case endOfFile = 1
    case keepAlive = 2
    case client = 3

    /// As the end of the sentence "libvirt …".
    public var words: String {
        switch self {
        case .error: "dropped the connection"
        case .endOfFile: "ended the connection"
        case .keepAlive: "did not answer any more"
        case .client: "was left by ourselves"
        }
    }
}

// C calls these on the thread of the event loop. They are functions of the file and not closures: a closure may carry
// an isolation that is checked, and fails, when C calls it.

func connectionClosed(_ connection: OpaquePointer?, _ reason: Int32, _ box: UnsafeMutableRawPointer?) {
    guard let box else { return }
    Unmanaged<CallbackBox<CloseReason>>.fromOpaque(box).takeUnretainedValue()
        .deliver(CloseReason(rawValue: reason) ?? .error)
}

func lifecycleChanged(
    _ connection: OpaquePointer?, _ domain: OpaquePointer?, _ event: Int32, _ detail: Int32,
    _ box: UnsafeMutableRawPointer?
) -> Int32 {
    guard let box, let domain, let kind = DomainEvent.Kind(rawValue: event),
        let (uuid, name) = domainIdentity(domain)
    else { return 0 }
    Unmanaged<CallbackBox<DomainEvent>>.fromOpaque(box).takeUnretainedValue()
        .deliver(DomainEvent(uuid: uuid, name: name, kind: kind, detail: detail))
    return 0
}

func releaseBox(_ box: UnsafeMutableRawPointer?) {
    guard let box else { return }
    Unmanaged<AnyObject>.fromOpaque(box).release()
}

/// Uuid and name of a domain, which libvirt's client holds: no question to the hypervisor.
func domainIdentity(_ domain: OpaquePointer) -> (uuid: String, name: String)? {
    let uuid = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(VIR_UUID_STRING_BUFLEN)) { buffer in
        guard let base = buffer.baseAddress, virDomainGetUUIDString(domain, base) == 0 else { return String?.none }
        return String(cString: base)
    }
    guard let uuid, let name = virDomainGetName(domain) else { return nil }
    return (uuid, String(cString: name))
}
