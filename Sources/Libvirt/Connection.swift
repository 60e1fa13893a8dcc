// SPDX-License-Identifier: Apache-2.0

internal import CLibvirt
internal import Synchronization

/// An open connection to a hypervisor.
///
/// May be used from many tasks at once; every method makes its call on a lane and suspends meanwhile. The connection is
/// closed when the last reference to it and to its domains has gone.
public final class Connection: Sendable {
    /// The one that hears events and the peer's signs of life.
    let handle: ConnectionHandle
    let lanes: CallLanes
    private let closing: Closing
    /// Where calls are made; nil for a hypervisor inside this process, which may be another with each connection.
    private let pool: ConnectionPool?

    private init(handle: ConnectionHandle, lanes: CallLanes, closing: Closing, pool: ConnectionPool?) {
        self.handle = handle
        self.lanes = lanes
        self.closing = closing
        self.pool = pool
    }

    /// Connects (`virConnectOpenAuth`).
    ///
    /// - Parameter late: Takes what came of an opening that was answered with a timeout before.
    /// - Throws: ``LibvirtError``; of kind `credentials` when libvirt wanted some that the configuration does not have.
    public static func open(
        _ configuration: ConnectionConfiguration, lanes: CallLanes,
        late: (@Sendable (Result<Connection, LibvirtError>) -> Void)? = nil
    ) async throws(LibvirtError) -> Connection {
        let closing = Closing()
        let connected = { @Sendable (opened: (handle: ConnectionHandle, hasPeer: Bool)) -> Connection in
            Connection(
                handle: opened.handle, lanes: lanes, closing: closing,
                pool: opened.hasPeer ? ConnectionPool(configuration, lane: lanes.short) : nil)
        }
        let opened = try await lanes.long.run(
            "virConnectOpenAuth", within: configuration.openDeadline, isAbandonable: true,
            late: late.map { late in { result in late(result.map(connected)) } }
        ) { () throws(LibvirtError) in
            try openHandle(configuration, lane: lanes.short, closing: closing)
        }
        return connected(opened)
    }

    /// Opens one of libvirt's connections, on this thread.
    ///
    /// - Parameter closing: Where to leave word of its end; nil for one of which nobody is told.
    static func openHandle(
        _ configuration: ConnectionConfiguration, lane: CallLane, closing: Closing? = nil
    ) throws(LibvirtError) -> (handle: ConnectionHandle, hasPeer: Bool) {
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
        guard let closing else { return (handle, true) }
        // Best effort: not every hypervisor can tell.
        let box = Unmanaged.passRetained(CallbackBox<CloseReason> { closing.close($0) })
        if virConnectRegisterCloseCallback(opened, connectionClosed, box.toOpaque(), releaseBox) != 0 {
            box.release()
        }
        // The one that lives inside this process, and anew with each connection, is libvirt's own for tests.
        let hasPeer = virConnectGetType(opened).map { String(cString: $0) } != "TEST"
        return (handle, hasPeer)
    }

    /// Begins to ask a silent peer for signs of life. Best effort: a hypervisor inside this process gives none.
    ///
    /// After all else that this connection is asked for: a sign of life that is due while a call of it waits for its
    /// answer meets the same weakness of libvirt's as a second call (``ConnectionPool``).
    func keepAlive(_ configuration: ConnectionConfiguration) async throws(LibvirtError) {
        guard let keepAlive = configuration.keepAlive else { return }
        let handle = handle
        let seconds = Int32(clamping: max(1, keepAlive.interval.components.seconds))
        try await lanes.run("virConnectSetKeepAlive", on: .short, isAbandonable: true) { () throws(LibvirtError) in
            _ = virConnectSetKeepAlive(handle.pointer, seconds, UInt32(clamping: keepAlive.count))
        }
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
        let handle = handle
        return try await lanes.run("virConnectIsAlive", on: .short, isAbandonable: true) { () throws(LibvirtError) in
            virConnectIsAlive(handle.pointer) == 1
        }
    }

    /// Makes one call; nil from `body` means that it failed, and the last error is read on the thread that made it.
    func call<Value: Sendable>(
        _ operation: String, on lane: CallLanes.Choice = .short, guest: String? = nil, isQuestion: Bool = false,
        _ body: @escaping @Sendable (OpaquePointer) -> Value?
    ) async throws(LibvirtError) -> Value {
        try await make(operation, on: lane, guest: guest, isQuestion: isQuestion) { connection throws(LibvirtError) in
            guard let value = body(connection) else { throw LibvirtError.last(operation) }
            return value
        }
    }

    /// Makes one call over a connection that no other thread uses meanwhile.
    ///
    /// - Parameters:
    ///   - guest: The uuid of the guest that it is about, whose monitor it may wait for.
    ///   - isQuestion: Whether it changes nothing, so that an asker who was cancelled need not wait for its end.
    func make<Value: Sendable>(
        _ operation: String, on lane: CallLanes.Choice, guest: String?, isQuestion: Bool,
        _ body: @escaping @Sendable (OpaquePointer) throws(LibvirtError) -> Value
    ) async throws(LibvirtError) -> Value {
        let (shared, pool, overdue) = (handle, pool, lanes.overdue)
        return try await lanes.run(
            operation, on: lane, isAbandonable: isQuestion,
            lateness: { lateness in if let guest { overdue.note(lateness, guest) } }
        ) { () throws(LibvirtError) in
            let handle = try pool?.take() ?? shared
            virResetLastError()
            do throws(LibvirtError) {
                let value = try body(handle.pointer)
                pool?.give(handle)
                return value
            } catch {
                // One that lost its peer is closed.
                if !error.isConnectionLost { pool?.give(handle) }
                throw error
            }
        }
    }

    /// Where the close callback leaves its reason.
    final class Closing: Sendable {
        let reasons: AsyncStream<CloseReason>
        private let continuation: AsyncStream<CloseReason>.Continuation

        init() { (reasons, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1)) }

        func close(_ reason: CloseReason) {
            continuation.yield(reason)
            continuation.finish()
        }
    }
}
