// SPDX-License-Identifier: Apache-2.0

import ComputeManager
import ComputeModel
import Foundation
import Logging
import Synchronization
import WorkerStore

/// What a test's broker was sent; the routing key stands for the ordering key.
struct Sent: Sendable, Equatable {
    let key: String
    let text: String
}

/// A broker that confirms, holds or refuses as the test says.
final class OutboxSink: MessageSink {
    private struct State {
        var failures: [String: [DeliveryFailure]]
        var holds: Bool
        var passing: Set<String> = []
        var held: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextTicket = 0
        var underWay: [String: Int] = [:]
        var mostForOneKey = 0
        var mostAtOnce = 0
    }

    let started = EventLog<Sent>()
    let log = EventLog<Sent>()
    private let state: Mutex<State>

    init(holds: Bool, failures: [String: [DeliveryFailure]]) { state = Mutex(State(failures: failures, holds: holds)) }

    var mostForOneKey: Int { state.withLock { $0.mostForOneKey } }
    var mostAtOnce: Int { state.withLock { $0.mostAtOnce } }

    /// Confirms everything that is held, and everything from now on.
    func release() {
        let held = state.withLock { state in
            state.holds = false
            let held = state.held.values
            state.held = [:]
            return Array(held)
        }
        for continuation in held { continuation.resume() }
    }

    /// Confirms this key's messages at once while the others are held.
    func letPass(_ key: String) { _ = state.withLock { $0.passing.insert(key) } }

    func publish(_ message: WireMessage) async throws(DeliveryFailure) {
        let sent = Sent(key: message.routingKey, text: String(decoding: message.body, as: UTF8.self))
        let (failure, holds) = state.withLock { state in
            state.underWay[sent.key, default: 0] += 1
            state.mostForOneKey = max(state.mostForOneKey, state.underWay[sent.key] ?? 0)
            state.mostAtOnce = max(state.mostAtOnce, state.underWay.values.reduce(0, +))
            let failure = state.failures[sent.key]?.first
            if failure != nil { state.failures[sent.key]?.removeFirst() }
            return (failure, state.holds && !state.passing.contains(sent.key))
        }
        defer { state.withLock { $0.underWay[sent.key, default: 1] -= 1 } }
        started.append(sent)
        if holds {
            await hold()
            if Task.isCancelled { throw .closed }
        } else {
            // Others get a turn, as they would while a broker answers.
            await Task.yield()
        }
        if let failure { throw failure }
        log.append(sent)
    }

    private func hold() async {
        let ticket = state.withLock { state in
            state.nextTicket += 1
            return state.nextTicket
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isFree = state.withLock { state in
                    if !state.holds || Task.isCancelled { return true }
                    state.held[ticket] = continuation
                    return false
                }
                if isFree { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.held.removeValue(forKey: ticket) }?.resume()
        }
    }
}

/// Answers each cast's fate with an event in the same commit.
struct OutboxObserver: CastObserver {
    struct Failure: Error {}

    let fails: Bool

    func castWasTaken(_ message: OutboxMessage, in transaction: borrowing StoreTransaction) throws {
        if fails { throw Failure() }
        try transaction.enqueue(OutboxFixture.message(message.orderingKey, message.orderingKey, .notification))
    }

    func castWasReturned(
        _ message: OutboxMessage, reason: String, in transaction: borrowing StoreTransaction
    ) throws {
        if fails { throw Failure() }
        let text = "\(message.orderingKey): \(reason)"
        try transaction.enqueue(OutboxFixture.message(message.orderingKey, text, .notification))
    }
}

/// A relay between a real store and a fake broker.
struct OutboxFixture: Sendable {
    let store: WorkerStore
    let sink: OutboxSink
    let clock = ManualClock()
    /// Has an element once the relay has ended.
    let ended = EventLog<Bool>()

    static func run<Value: Sendable>(
        _ configuration: RelayConfiguration = RelayConfiguration(), holds: Bool = false,
        failures: [String: [DeliveryFailure]] = [:], observerFails: Bool = false,
        _ body: @escaping @Sendable (OutboxFixture) async throws -> Value,
        afterwards: (WorkerStore, Value) async throws -> Void = { _, _ in }
    ) async throws {
        let directory = FileManager.default.temporaryDirectory.path + "/outbox-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let store = try WorkerStore(StoreConfiguration(directory: directory, strikeDelay: .milliseconds(1)))
        let fixture = OutboxFixture(store: store, sink: OutboxSink(holds: holds, failures: failures))
        let relay = OutboxRelay(
            store: store, sink: fixture.sink, observer: OutboxObserver(fails: observerFails),
            configuration: configuration, clock: fixture.clock,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let outcome: Result<Void, any Error>
        do {
            let value = try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await relay.run()
                    fixture.ended.append(true)
                }
                let value = try await body(fixture)
                group.cancelAll()
                try await group.waitForAll()
                return value
            }
            try await afterwards(store, value)
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        await store.close()
        try outcome.get()
    }

    static func message(_ key: String, _ text: String, _ kind: OutboxMessage.Kind) -> OutboxMessage {
        OutboxMessage(
            orderingKey: key, kind: kind, exchange: "nova", routingKey: key, isMandatory: true, body: Array(text.utf8))
    }

    /// Puts messages (key, text) into the outbox in one commit.
    func put(messages: [(String, String)], kind: OutboxMessage.Kind = .notification) async throws {
        let rows = messages.map { Self.message($0.0, $0.1, kind) }
        try await store.write { transaction in for row in rows { try transaction.enqueue(row) } }
    }
}
