// SPDX-License-Identifier: Apache-2.0

internal import CLibvirt
internal import Synchronization

/// An open connection to a hypervisor.
///
/// May be used from many tasks at once; every method makes its call on a lane and suspends meanwhile. The connection is
/// closed when the last reference to it and to its domains has gone.
public final class Connection: Sendable {
    let handle: ConnectionHandle
    let lanes: CallLanes
    private let closing: Closing

    private init(handle: ConnectionHandle, lanes: CallLanes, closing: Closing) {
        self.handle = handle
        self.lanes = lanes
        self.closing = closing
    }

    /// Connects (`virConnectOpenAuth`).
    ///
    /// - Throws: ``LibvirtError``; of kind `credentials` when libvirt wanted some that the configuration does not have.
    public static func open(
        _ configuration: ConnectionConfiguration, lanes: CallLanes
    ) async throws(LibvirtError) -> Connection {
        let closing = Closing()
        let handle = try await lanes.long.run("virConnectOpenAuth", within: configuration.openDeadline) {
            () throws(LibvirtError) in
            try openHandle(configuration, lane: lanes.short, closing: closing)
        }
        return Connection(handle: handle, lanes: lanes, closing: closing)
    }

    private static func openHandle(
        _ configuration: ConnectionConfiguration, lane: CallLane, closing: Closing
    ) throws(LibvirtError) -> ConnectionHandle {
        guard LibvirtLibrary.ready else {
            throw LibvirtError(.library, operation: "virInitialize", message: "libvirt could not be initialised")
        }
        let desk = CredentialDesk(answer: configuration.credentials)
        var kinds = CredentialRequest.Kind.numbers
        let flags = configuration.access == .readOnly ? UInt32(VIR_CONNECT_RO.rawValue) : 0
        let opened = withExtendedLifetime(desk) {
            kinds.withUnsafeMutableBufferPointer { kinds in
                var auth = virConnectAuth(
                    credtype: kinds.baseAddress, ncredtype: UInt32(kinds.count), cb: answerCredentials,
                    cbdata: Unmanaged.passUnretained(desk).toOpaque())
                return virConnectOpenAuth(configuration.uri, &auth, flags)
            }
        }
        guard let opened else {
            let error = LibvirtError.last("virConnectOpenAuth")
            guard let refusal = desk.refusal else { throw error }
            throw LibvirtError(
                .credentials, operation: error.operation, message: refusal, code: error.code, domain: error.domain)
        }
        let handle = ConnectionHandle(opened, lane: lane)
        // Best effort, both: a hypervisor inside this process (test:///default) has neither a peer that could go nor
        // keepalive, and says so by an error.
        let box = Unmanaged.passRetained(CallbackBox<CloseReason> { closing.close($0) })
        if virConnectRegisterCloseCallback(opened, connectionClosed, box.toOpaque(), releaseBox) != 0 {
            box.release()
        }
        if let keepAlive = configuration.keepAlive {
            let seconds = Int32(clamping: max(1, keepAlive.interval.components.seconds))
            _ = virConnectSetKeepAlive(opened, seconds, UInt32(clamping: keepAlive.count))
        }
        return handle
    }

    /// Waits until the connection is lost; returns nil when the task is cancelled.
    ///
    /// For one caller at a time.
    public func closed() async -> CloseReason? {
        var reasons = closing.reasons.makeAsyncIterator()
        return await reasons.next()
    }

    /// Ends ``closed()`` for a connection that others found lost.
    func abandon() { closing.close(.error) }

    /// Whether the last that was heard of the peer is good (`virConnectIsAlive`); asks nobody.
    public func isAlive() async throws(LibvirtError) -> Bool {
        try await call("virConnectIsAlive") { virConnectIsAlive($0) == 1 }
    }

    /// Makes one call; nil from `body` means that it failed, and the last error is read on the thread that made it.
    func call<Value: Sendable>(
        _ operation: String, on lane: CallLanes.Choice = .short,
        _ body: @escaping @Sendable (OpaquePointer) -> Value?
    ) async throws(LibvirtError) -> Value {
        let handle = handle
        return try await lanes.run(operation, on: lane) { () throws(LibvirtError) in
            virResetLastError()
            guard let value = body(handle.pointer) else { throw LibvirtError.last(operation) }
            return value
        }
    }

    /// Where the close callback leaves its reason.
    private final class Closing: Sendable {
        let reasons: AsyncStream<CloseReason>
        private let continuation: AsyncStream<CloseReason>.Continuation

        init() { (reasons, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1)) }

        func close(_ reason: CloseReason) {
            continuation.yield(reason)
            continuation.finish()
        }
    }
}
