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

        public init(initial: Duration = .milliseconds(500), maximum: Duration = .seconds(10)) {
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
    }

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
            let connection = try await Connection.open(configuration, lanes: lanes)
            let handler = handler
            try await connection.onLifecycleEvent { handler(.lifecycle($0)) }
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

    /// Connects and reconnects until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            switch await attempt() {
            case .success(let connection): await watch(connection)
            case .failure:
                let delay = backOff.delay(afterFailures: state.withLock { $0.failures })
                try? await clock.sleep(for: delay, tolerance: nil)
            }
        }
        drop(nil)
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
