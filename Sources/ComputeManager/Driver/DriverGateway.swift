// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Logging

/// The one way from the manager to the driver: every call has a deadline and is counted and measured here.
///
/// A call that is overdue is cancelled; if it takes no notice, the lane stays shut until it has returned, because
/// nobody knows what it still does. Its slot is another's meanwhile, and its guest is in quarantine.
struct DriverGateway: Sendable {
    let driver: any ComputeDriver
    private(set) var deadlines: DriverDeadlines
    let interruptionGrace: Duration
    let clock: any Clock<Duration>
    let logger: Logger
    private let metrics: DriverMetrics
    private let quarantine = Quarantine()
    /// The turn whose slot is another's while it waits for a hypervisor that is away or a call that is overdue.
    private var turn: Turn?
    /// The least reason to wait no longer for a hypervisor that is away; nil where that has its time.
    private var patience: InterruptionReason?

    init(
        driver: any ComputeDriver, deadlines: DriverDeadlines, interruptionGrace: Duration,
        clock: any Clock<Duration>, logger: Logger
    ) {
        self.driver = driver
        self.deadlines = deadlines
        self.interruptionGrace = interruptionGrace
        self.clock = clock
        self.logger = logger
        metrics = DriverMetrics(driver: type(of: driver).name)
    }

    /// The same way to the driver for one turn, whose slot is free while it waits for a hypervisor that is away.
    ///
    /// - Parameter reason: with it a call that may be repeated is repeated while the hypervisor can't be reached, for
    ///   as long as it takes; it fails as given up when the turn is interrupted for that reason or one above it.
    func during(_ turn: Turn, outlastingOutagesUntil reason: InterruptionReason?) -> DriverGateway {
        var gateway = self
        gateway.turn = turn
        gateway.patience = reason
        return gateway
    }

    /// The same way to the driver for who is told at once that the hypervisor is away.
    var withoutReconnection: DriverGateway {
        var gateway = self
        gateway.deadlines.reconnection = .zero
        return gateway
    }

    var kind: any ComputeDriver.Type { type(of: driver) }

    /// Guests that do not answer: with an overdue call of ours, or by the driver's own account.
    var quarantined: Set<InstanceID> {
        quarantine.guests.union((driver as? any GuestWatchingDriver)?.unresponsiveGuests ?? [])
    }

    /// How a call ended with regard to its deadline.
    private enum Punctuality: Sendable {
        case inTime
        case overdue
        /// Overdue, and its guest was destroyed under it.
        case freed
    }

    private enum Signal: Sendable {
        case returned(Punctuality), overdue, interrupted, quiet
    }

    /// Refuses what the driver's type does not have.
    func require(_ operations: [DriverOperation], instance: InstanceID?) throws(ComputeFault) {
        for operation in operations where !operation.isImplemented(by: kind) {
            throw driver.unsupported(operation, instance: instance)
        }
    }

    /// Makes a call with its deadline.
    ///
    /// - Parameters:
    ///   - isRepeatable: whether it may be made again while the hypervisor can't be reached.
    ///   - reason: the least reason for which it is freed.
    ///   - unblock: frees the call from another task when it is overdue or, some time after, interrupted; whether it
    ///     destroyed the guest for that.
    func call<Output: Sendable>(
        _ operation: DriverOperation, on instance: InstanceID? = nil, isRepeatable: Bool = true,
        interruptedBy token: InterruptionToken? = nil, yieldingTo reason: InterruptionReason = .superseded,
        unblock: (@Sendable () async -> Bool)? = nil, _ body: @escaping @Sendable () async throws -> Output
    ) async throws -> Output {
        var waited = Duration.zero
        while true {
            do {
                return try await measured(operation, instance, token, reason, unblock, body)
            } catch let fault as ComputeFault where isRepeatable && isOutage(fault, operation) {
                var pause = Duration.seconds(1)
                if let patience {
                    if let reason = turn?.token.reason, reason >= patience {
                        throw reason.fault(operation.rawValue, instance: instance)
                    }
                    if waited == .zero {
                        warn("the hypervisor is away; this waits for it", operation, instance)
                    }
                } else {
                    guard waited < deadlines.reconnection, token?.isInterrupted != true else { throw fault }
                    pause = min(pause, deadlines.reconnection - waited)
                }
                turn?.freeSlot()
                if waited == .zero { await turn?.hindered(fault.message) }
                try await clock.sleep(for: pause)
                waited += pause
                if let turn, !(await turn.takeSlot()) { throw CancellationError() }
            }
        }
    }

    /// Whether the call is to be made again later. With patience, a hypervisor that stands still is away for a question
    /// and for a removal: removing what is gone is success.
    private func isOutage(_ fault: ComputeFault, _ operation: DriverOperation) -> Bool {
        fault.kind == .unavailable
            || fault.kind == .timeout && patience != nil && (operation == .destroy || operation.isQuestion)
    }

    private func measured<Output: Sendable>(
        _ operation: DriverOperation, _ instance: InstanceID?, _ token: InterruptionToken?,
        _ yielding: InterruptionReason, _ unblock: (@Sendable () async -> Bool)?,
        _ body: @escaping @Sendable () async throws -> Output
    ) async throws -> Output {
        // What an operation asks in its turn is asked: it may be the one that helps the guest.
        if turn == nil, let instance, operation.isQuestion, quarantine.holds(instance) {
            throw Self.unanswered(instance)
        }
        var result: Result<Output, any Error>?
        let elapsed = await clock.measure {
            result = await raced(operation, instance, token, yielding, unblock, body)
        }
        let outcome =
            switch result {
            case .success: "ok"
            case .failure(let fault as ComputeFault): fault.kind.rawValue
            case .failure, nil: "error"
            }
        metrics.record(operation, outcome: outcome, elapsed)
        guard let result else { throw CancellationError() }
        return try result.get()
    }

    /// Makes the call, and frees it some time after an interruption; that is listened for until the call has returned,
    /// overdue or not.
    private func raced<Output: Sendable>(
        _ operation: DriverOperation, _ instance: InstanceID?, _ token: InterruptionToken?,
        _ yielding: InterruptionReason, _ unblock: (@Sendable () async -> Bool)?,
        _ body: @escaping @Sendable () async throws -> Output
    ) async -> Result<Output, any Error> {
        let outcome = Outcome<Output>()
        guard let token, let unblock else {
            return result(outcome, await timed(operation, instance, nil, outcome, body), operation, instance)
        }
        let punctuality = await withTaskGroup(of: Signal.self) { group in
            group.addImmediateTask { .returned(await timed(operation, instance, unblock, outcome, body)) }
            if outcome.value != nil { return Punctuality.inTime }
            @Sendable func interruption(_ least: InterruptionReason) async -> Signal {
                await token.wait(for: least)
                do { try await clock.sleep(for: interruptionGrace) } catch { return .quiet }
                return .interrupted
            }
            group.addTask { await interruption(yielding) }
            var punctuality = Punctuality.inTime
            while let signal = await group.next() {
                switch signal {
                case .quiet, .overdue: break
                case .returned(let value):
                    punctuality = value
                    group.cancelAll()
                case .interrupted where outcome.value == nil:
                    warn("driver call goes on after it was to end", operation, instance)
                    // A delete that comes afterwards frees it as well.
                    if token.reason != .superseded { group.addTask { await interruption(.superseded) } }
                    _ = await unblock()
                case .interrupted: break
                }
            }
            return punctuality
        }
        return result(outcome, punctuality, operation, instance)
    }

    /// Makes the call and cancels it when it is overdue; returns when it has returned.
    private func timed<Output: Sendable>(
        _ operation: DriverOperation, _ instance: InstanceID?, _ unblock: (@Sendable () async -> Bool)?,
        _ outcome: Outcome<Output>, _ body: @escaping @Sendable () async throws -> Output
    ) async -> Punctuality {
        await withTaskGroup(of: Signal.self) { group in
            // Begun here and now: an answer that needs no waiting needs no timer either.
            group.addImmediateTask {
                do { outcome.set(.success(try await body())) } catch { outcome.set(.failure(error)) }
                return .returned(.inTime)
            }
            if outcome.value != nil { return .inTime }
            group.addTask {
                do { try await clock.sleep(for: deadlines[operation]) } catch { return .quiet }
                return .overdue
            }
            var punctuality = Punctuality.inTime
            defer { if punctuality != .inTime, let instance { quarantine.leave(instance) } }
            while let signal = await group.next() {
                switch signal {
                case .quiet, .interrupted: break
                case .returned: group.cancelAll()
                case .overdue where outcome.value == nil:
                    punctuality = .overdue
                    warn("driver call is overdue", operation, instance)
                    if let instance { quarantine.enter(instance) }
                    turn?.freeSlot()
                    group.cancelAll()
                    if let unblock, await unblock() { punctuality = .freed }
                case .overdue: break
                }
            }
            return punctuality
        }
    }

    private func result<Output: Sendable>(
        _ outcome: Outcome<Output>, _ punctuality: Punctuality, _ operation: DriverOperation, _ instance: InstanceID?
    ) -> Result<Output, any Error> {
        switch outcome.value {
        // What ended well under a guest that was destroyed meanwhile left nothing of it.
        case .success(let output)? where punctuality != .freed: return .success(output)
        case .failure(let error)? where punctuality == .inTime:
            return .failure(Self.fault(error, operation, instance))
        case .success, .failure, nil:
            let seconds = deadlines[operation].components.seconds
            return .failure(
                ComputeFault(
                    .timeout, "The driver did not finish \(operation.rawValue) within \(seconds) s.",
                    instance: instance))
        }
    }

    private static func unanswered(_ instance: InstanceID) -> ComputeFault {
        ComputeFault(
            .timeout,
            "The guest does not answer: an earlier call to it is overdue and has not returned. Ask again later.",
            instance: instance)
    }

    /// The driver's faults as they are; what else it throws is a failure of the hypervisor.
    private static func fault(_ error: any Error, _ operation: DriverOperation, _ instance: InstanceID?) -> any Error {
        // A call that was cancelled by somebody else than the worker's stop has failed.
        if error is ComputeFault || error is CancellationError && Task.isCancelled { return error }
        return ComputeFault(
            .hypervisorFailure, "The hypervisor failed at \(operation.rawValue): \(error)", instance: instance)
    }

    private func warn(_ message: Logger.Message, _ operation: DriverOperation, _ instance: InstanceID?) {
        logger.warning(
            message,
            metadata: [
                LogKey.operation: .string(operation.rawValue), LogKey.instance: .string(instance?.description ?? "-"),
            ])
    }
}
