// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
public import Logging
public import WorkerStore

/// Brings what the store's outbox holds to the broker: in order for each key, many keys side by side, each message at
/// least once.
///
/// A message leaves the outbox when the broker has confirmed it. After a crash in between it is sent once more, under
/// the same message id.
public final class OutboxRelay: Sendable {
    /// What became of an attempt to send.
    enum Outcome {
        /// It is out of the outbox.
        case done
        /// It stays, and is tried again after a pause.
        case rest
        /// The sink takes no more.
        case closed
        /// The store fails for good.
        case failed(StoreError)
    }

    let store: WorkerStore
    let configuration: RelayConfiguration
    let clock: any Clock<Duration>
    private let sink: any MessageSink
    private let observer: any CastObserver
    private let logger: Logger
    private let metrics: RelayMetrics

    /// - Parameters:
    ///   - observer: hears, in the transaction that strikes a cast, what became of it.
    ///   - clock: what pauses are measured by.
    public init(
        store: WorkerStore, sink: any MessageSink, observer: any CastObserver,
        configuration: RelayConfiguration = RelayConfiguration(), clock: any Clock<Duration> = ContinuousClock(),
        logger: Logger
    ) {
        self.store = store
        self.sink = sink
        self.observer = observer
        self.configuration = configuration
        self.clock = clock
        self.logger = logger
        metrics = RelayMetrics(policy: configuration.unroutableNotifications)
    }

    /// Sends until the task is cancelled or the sink or the store closed; what is not confirmed then stays.
    ///
    /// - Throws: ``StoreError`` when the store fails for good.
    public func run() async throws {
        let flows = [
            RelayFlow(part: .addressed, window: configuration.replyWindow, relay: self),
            RelayFlow(part: .events, window: configuration.window, relay: self),
        ]
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for flow in flows { group.addTask { try await flow.run() } }
                // Both use the same sink and the same store: what ended one ends the other.
                try await group.next()
                group.cancelAll()
                try await group.waitForAll()
            }
        } catch let error as StoreError where error.code == .closed {
            return
        } catch is CancellationError {
            return
        }
    }

    /// Sends one message and, once it is confirmed or given up, strikes it.
    func send(_ item: RelayQueue.Item) async -> Outcome {
        do {
            guard let row = try await content(of: item) else { return .done }
            do throws(DeliveryFailure) {
                try await sink.publish(WireMessage(row))
            } catch {
                return try await settle(row, error)
            }
            metrics.countDelivered(row.message.kind)
            if row.message.kind == .cast {
                try await strike(row, "sent") { try self.observer.castWasTaken(row.message, in: $0) }
            } else {
                store.strikeSoon([row.id])
            }
            return .done
        } catch let error as StoreError {
            return .failed(error)
        } catch {
            return .closed
        }
    }

    private func content(of item: RelayQueue.Item) async throws -> OutboxRow? {
        // A cast may have been taken back since it was read.
        if let row = item.row, row.message.kind != .cast { return row }
        return try await outlasting { try await self.store.read { try $0.outboxRow(item.id) } }
    }

    /// Decides what becomes of a message that the broker did not take.
    private func settle(_ row: OutboxRow, _ failure: DeliveryFailure) async throws -> Outcome {
        let kind = row.message.kind
        switch failure {
        case .closed: return .closed
        case .refused, .unavailable:
            note("message not taken, trying again", row, failure, .notice)
            metrics.countRetried(kind)
            return .rest
        case .unroutable(let reason):
            metrics.countUnroutable(kind)
            switch kind {
            case .notification where configuration.unroutableNotifications == .keep:
                note("no queue takes the notification, trying again", row, failure, .warning)
                metrics.countRetried(kind)
                return .rest
            case .cast:
                note("no queue takes the cast", row, failure, .error)
                try await strike(row, "unroutable: \(reason)") {
                    try self.observer.castWasReturned(row.message, reason: reason, in: $0)
                }
            case .notification:
                note("no queue takes the message, dropped", row, failure, .warning)
                // Gone for good before the next of its key leaves: after a crash it would come behind it.
                try await outlasting { try await self.store.write { try $0.strike([row.id]) } }
            case .reply, .deadLetter:
                note("no queue takes the message, dropped", row, failure, .warning)
                store.strikeSoon([row.id])
            }
            metrics.countDropped(kind)
            return .done
        }
    }

    /// Strikes a cast together with what follows from its fate, and with that in the trace of its request: nothing where
    /// it was taken back while it was on its way, since what stands in its instance's row now is none of its doing.
    private func strike(
        _ row: OutboxRow, _ fate: String, _ body: @escaping @Sendable (borrowing StoreTransaction) throws -> Void
    ) async throws {
        do {
            try await outlasting {
                try await self.store.write { transaction in
                    guard try transaction.isInOutbox(row.id) else { return }
                    try body(transaction)
                    try transaction.endCast(row.id, outcome: fate)
                    try transaction.strike([row.id])
                }
            }
        } catch let error as CancellationError {
            throw error
        } catch let error as StoreError where error.code != .noSuchEntry && error.code != .damaged {
            throw error
        } catch {
            // What follows can't be written, and would not be at the next attempt: the cast itself is over.
            logger.error(
                "the outcome of a cast can't be recorded",
                metadata: ["outbox.id": .stringConvertible(row.id), LogKey.error: .string("\(error)")])
            store.strikeSoon([row.id])
        }
    }

    /// Goes on trying while the store fails in a way that can pass.
    func outlasting<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
        try await StorePatience(clock: clock, logger: logger).outlasting("the store fails, trying again", body)
    }

    private func note(_ text: Logger.Message, _ row: OutboxRow, _ failure: DeliveryFailure, _ level: Logger.Level) {
        var metadata: Logger.Metadata = [
            "outbox.id": .stringConvertible(row.id), "outbox.kind": .string(row.message.kind.word),
            "outbox.key": .string(row.message.orderingKey),
            LogKey.error: .string("\(failure)"),
        ]
        if let instance = row.message.instance { metadata[LogKey.instance] = .string(instance.description) }
        logger.log(level: level, text, metadata: metadata)
    }
}
