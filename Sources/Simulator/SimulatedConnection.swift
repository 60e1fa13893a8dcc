// SPDX-License-Identifier: Apache-2.0

internal import AMQP
internal import ComputeModel
internal import Logging

/// One of a worker's connections to the broker: made, lost and made anew by the rules of the real one.
///
/// @unchecked Sendable because only the thread of the simulation touches it.
final class SimulatedConnection: @unchecked Sendable {
    enum Purpose: String { case consume, publish }

    let purpose: Purpose
    /// Tells what it does, as the real one.
    let states = StateBroadcaster()
    private let broker: SimulatedBroker
    private let clock: SimulatedClock
    private let logger: Logger
    private var plan = ReconnectPlan(ReconnectPolicy(), endpoints: 1)
    /// Waits for the connection's end, or for a broker.
    private var waiter: CheckedContinuation<BrokerError?, Never>?
    private var isClosed = false
    /// When an attempt was refused last because of something that somebody must change.
    private var refusedAt: Duration?
    /// Whether every attempt was refused because the host is another's.
    private(set) var knowsOnlyLocks = true

    init(_ purpose: Purpose, broker: SimulatedBroker, logger: Logger) {
        self.purpose = purpose
        self.broker = broker
        clock = broker.world.clock
        self.logger = logger
    }

    /// Connects for ever, until it is closed or its task is cancelled.
    func run() async {
        while !isClosed, !Task.isCancelled {
            states.send(.connecting("simulated"))
            let began = clock.now
            let error: BrokerError
            if let refusal = broker.refusal(of: purpose) {
                error = refusal
                note(refusal)
            } else {
                broker.accept(purpose)
                knowsOnlyLocks = false
                states.send(.ready(queues: purpose == .consume ? ["compute", "compute.\(SimulatedWorker.host)"] : []))
                guard let loss = await wait() else { break }
                error = loss
            }
            let life = states.current.isUp ? began.duration(to: clock.now) : nil
            let delay = plan.failed(error, afterLifeOf: life, using: &broker.world.dice, logger: logger)
            states.send(.lost(error, retryIn: delay))
            do { try await clock.sleep(for: delay) } catch { break }
            // Attempts at a broker that is away for hours would show nothing new.
            if !broker.isUp { _ = await wait() }
        }
        states.send(.closed)
    }

    /// Attempts that nothing but a setting can help follow each other slowly.
    private func note(_ refusal: BrokerError) {
        if refusal.code != .queueLocked { knowsOnlyLocks = false }
        guard refusal.needsConfiguration else { return }
        let now = broker.world.now
        if let refusedAt, now - refusedAt < .seconds(15) {
            broker.world.violate(.clearRefusal, "\(purpose.rawValue) was tried again after \(now - refusedAt)")
        }
        refusedAt = now
    }

    /// It goes, or there is a broker again.
    func wake(_ error: BrokerError) {
        let waiter = waiter
        self.waiter = nil
        waiter?.resume(returning: error)
    }

    /// For good.
    func close() {
        isClosed = true
        let waiter = waiter
        self.waiter = nil
        waiter?.resume(returning: nil)
    }

    private func wait() async -> BrokerError? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if isClosed || Task.isCancelled { return continuation.resume(returning: nil) }
                waiter = continuation
            }
        } onCancel: {
            close()
        }
    }
}
