// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ComputeManager
public import ComputeModel
public import Logging
public import OsloMessaging

/// Watches over the connections to the brokers: the claim of the host, who may begin when, and the health of it all.
public final class BrokerWatch: Sendable {
    let health: HealthMonitor
    private let claim: HostClaim
    private let consuming: @Sendable () -> AsyncStream<ConnectionState>
    private let publishing: @Sendable () -> AsyncStream<ConnectionState>
    private let notifying: (@Sendable () -> AsyncStream<ConnectionState>)?
    /// How many brokers there are to try.
    private let brokers: Int

    /// - Parameter notifying: nil where events take the same way as the rest.
    init(
        health: HealthMonitor, claim: HostClaim, brokers: Int,
        consuming: @escaping @Sendable () -> AsyncStream<ConnectionState>,
        publishing: @escaping @Sendable () -> AsyncStream<ConnectionState>,
        notifying: (@Sendable () -> AsyncStream<ConnectionState>)? = nil
    ) {
        self.health = health
        self.claim = claim
        self.brokers = brokers
        self.consuming = consuming
        self.publishing = publishing
        self.notifying = notifying
    }

    /// For connections that are no brokers' own: of one broker, whose events take the same way as the rest.
    public convenience init(
        host: String, claim: HostClaim, consuming: @escaping @Sendable () -> AsyncStream<ConnectionState>,
        publishing: @escaping @Sendable () -> AsyncStream<ConnectionState>, clock: any Clock<Duration>,
        wallClock: any WallClock, logger: Logger
    ) {
        self.init(
            health: HealthMonitor(host: host, clock: wallClock, elapsed: clock.stopwatch, logger: logger),
            claim: claim, brokers: 1, consuming: consuming, publishing: publishing)
    }

    /// Why the worker is not ready, with what may help; empty for one that is.
    public var reasons: [String] { health.health.reasons }

    /// Hears from the intake.
    public func intakeChanged(_ state: IntakeState) { health.update { $0.intake = state } }

    /// Watches until the connection that consumes is closed for good or the task is cancelled.
    ///
    /// - Throws: `HostHeld` where another worker served the host from the beginning.
    public func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { await self.health.followPublishing(self.publishing()) }
            if let notifying { group.addTask { await self.health.followNotifying(notifying()) } }
            async let end: Void = health.followConsuming(consuming(), rival: { self.claim.rival })
            // Ends with the server too.
            try await claim.run()
            await end
        }
    }

    /// Does something once no other worker is known to serve the host: it is claimed, or there is no broker to ask.
    ///
    /// What an earlier run left is not held back by brokers that are away; beside another worker it would be done by
    /// two. Where the worker is stopped while another one has the host, nothing is done.
    ///
    /// - Parameter isService: what is done ends by cancellation only, and so does this.
    public func onceHostIsOurs(isService: Bool = false, _ work: () async throws -> Void) async throws {
        let isOurs = await Self.hostIsOurs(consuming(), brokers: brokers)
        try Task.checkCancellation()
        if isOurs { return try await work() }
        guard isService else { return }
        let (silence, end) = AsyncStream<Void>.makeStream()
        for await _ in silence {}
        end.finish()
    }

    /// False where the connection was closed for good while another worker had the host.
    static func hostIsOurs(_ states: AsyncStream<ConnectionState>, brokers: Int) async -> Bool {
        // One that is away says nothing of the next, which may have the host held.
        var away = 0
        var isHeld = false
        for await state in states {
            switch state {
            case .ready, .blocked: return true
            case .closed: return !isHeld
            case .lost(let error, retryIn: _):
                isHeld = error.code == .queueLocked
                away = isHeld ? 0 : away + 1
                if away >= brokers { return true }
            case .idle, .connecting: continue
            }
        }
        return true
    }
}
