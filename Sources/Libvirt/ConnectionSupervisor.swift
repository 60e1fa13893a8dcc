// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Keeps one connection open: opens it again when it is lost, and registers for events each time.
///
/// Callers ask for ``connection()`` anew for every piece of work and hold no domain from one to the next.
public final class ConnectionSupervisor: Sendable {
    /// What happens to the connection and on it.
    public enum Event: Sendable {
        /// Connected, events registered; what happened before is not known.
        case connected(Connection)
        /// The connection is lost, or an attempt failed; the error says why.
        case disconnected(LibvirtError)
        case lifecycle(DomainEvent)
    }

    /// How long to wait between attempts.
    public struct BackOff: Sendable, Hashable {
        public var initial: Duration
        public var maximum: Duration

        /// - Parameter maximum: An attempt costs next to nothing, and guests are not watched until one works.
        public init(initial: Duration = .milliseconds(250), maximum: Duration = .seconds(1)) {
            self.initial = initial
            self.maximum = maximum
        }

        /// The wait after a number of failed attempts.
        func delay(afterFailures failures: Int) -> Duration {
            min(maximum, initial * (1 << min(max(0, failures - 1), 16)))
        }
    }

    private struct State {
        var connection: Connection?
        var lastError: LibvirtError?
        var failures = 0
        /// Attempts that were overdue and have not returned.
        var hanging = 0
        /// What one of those brought after all.
        var late: Connection?
        /// Whether one of those came to its end since the last pause.
        var hasArrival = false
        var pause: AsyncStream<Void>.Continuation?
    }

    /// How many attempts may hang. Each holds a thread, and the one that gets an answer is taken; a second and a third
    /// are made because it may be the first one's way that is lost.
    private static let hangingLimit = 3

    public let configuration: ConnectionConfiguration
    public let lanes: CallLanes
    private let backOff: BackOff
    private let clock: any Clock<Duration>
    private let handler: @Sendable (Event) -> Void
    private let state = Mutex(State())

    /// Makes a supervisor that is not connected yet.
    ///
    /// - Parameter handler: Called on the thread of libvirt's event loop or on the supervisor's task; must not block.
    public init(
        configuration: ConnectionConfiguration, lanes: CallLanes, backOff: BackOff = BackOff(),
        clock: any Clock<Duration> = ContinuousClock(), handler: @escaping @Sendable (Event) -> Void
    ) {
        self.configuration = configuration
        self.lanes = lanes
        self.backOff = backOff
        self.clock = clock
        self.handler = handler
    }

    /// Whether the first attempt has not come to its end yet.
    public var isStarting: Bool { state.withLock { $0.connection == nil && $0.lastError == nil } }

    /// The connection.
    ///
    /// - Throws: ``LibvirtError`` of kind `disconnected`, with the reason of the last failure, while there is none.
    public func connection() throws(LibvirtError) -> Connection {
        let (connection, error) = state.withLock { ($0.connection, $0.lastError) }
        if let connection { return connection }
        let place = configuration.uri ?? "its default URI"
        throw LibvirtError(
            .disconnected, operation: "libvirt",
            message: "libvirt at \(place) is not connected" + (error.map { ": \($0.message)" } ?? " yet"),
            code: error?.code ?? .ok)
    }

    /// Makes one attempt, if there is no connection; whether it worked shows in the result and in an event.
    @discardableResult
    public func attempt() async -> Result<Connection, LibvirtError> {
        if let connection = state.withLock({ $0.connection }) { return .success(connection) }
        do throws(LibvirtError) {
            let connection = try await open()
            let handler = handler
            try await connection.onLifecycleEvent { handler(.lifecycle($0)) }
            try await connection.keepAlive(configuration)
            state.withLock {
                $0.connection = connection
                $0.lastError = nil
                $0.failures = 0
            }
            handler(.connected(connection))
            return .success(connection)
        } catch {
            state.withLock {
                $0.lastError = error
                $0.failures += 1
            }
            handler(.disconnected(error))
            return .failure(error)
        }
    }

    /// The connection that a late attempt brought, or a new one.
    private func open() async throws(LibvirtError) -> Connection {
        let (late, mayTry) = state.withLock { state in
            defer { state.late = nil }
            guard state.late == nil, state.hanging < Self.hangingLimit else { return (state.late, false) }
            state.hanging += 1
            return (nil, true)
        }
        if let late { return late }
        guard mayTry else {
            throw LibvirtError(
                .timeout, operation: "virConnectOpenAuth",
                message: "libvirt takes connections and does not answer; \(Self.hangingLimit) attempts wait for it")
        }
        do throws(LibvirtError) {
            let connection = try await Connection.open(configuration, lanes: lanes) { [self] in arrived($0) }
            state.withLock { $0.hanging -= 1 }
            return connection
        } catch {
            // One that was overdue, or given up, comes back by itself.
            if error.kind != .timeout, error.kind != .cancelled { state.withLock { $0.hanging -= 1 } }
            throw error
        }
    }

    /// Connects and reconnects until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            switch await attempt() {
            case .success(let connection): await watch(connection)
            case .failure: await pause(backOff.delay(afterFailures: state.withLock { $0.failures }))
            }
        }
        drop(nil)
    }

    private func arrived(_ result: Result<Connection, LibvirtError>) {
        let pause = state.withLock { state in
            state.hanging -= 1
            if case .success(let connection) = result { state.late = connection }
            state.hasArrival = true
            return state.pause
        }
        pause?.finish()
    }

    /// Waits between attempts, for no longer than until one that hung has come to its end.
    private func pause(_ delay: Duration) async {
        let (end, pause) = AsyncStream<Void>.makeStream()
        let hasArrival = state.withLock { state in
            defer { state.hasArrival = false }
            state.pause = pause
            return state.hasArrival
        }
        if hasArrival { return }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in end {} }
            group.addTask { [clock] in try? await clock.sleep(for: delay, tolerance: nil) }
            await group.next()
            group.cancelAll()
        }
    }

    /// Tells that a call failed because the connection was lost, so that it is opened again without waiting for
    /// libvirt to notice.
    public func report(_ error: LibvirtError, on connection: Connection) {
        guard error.isConnectionLost, error.kind != .disconnected else { return }
        lose(connection, error)
    }

    private func watch(_ connection: Connection) async {
        guard let reason = await connection.closed() else { return }
        lose(connection, LibvirtError(.disconnected, operation: "libvirt", message: "libvirt \(reason.words)"))
    }

    private func lose(_ connection: Connection, _ error: LibvirtError) {
        let wasCurrent = state.withLock { state in
            guard state.connection === connection else { return false }
            state.connection = nil
            state.lastError = error
            return true
        }
        guard wasCurrent else { return }
        handler(.disconnected(error))
        connection.abandon()
    }

    private func drop(_ error: LibvirtError?) {
        state.withLock {
            $0.connection = nil
            $0.lastError = error
        }
    }
}
