// SPDX-License-Identifier: Apache-2.0

import ComputeManager
import ComputeModel
import Foundation
import Logging
import Synchronization
import WorkerStore

/// What happened, in order, for a test to wait on.
final class EventLog<Event: Sendable>: Sendable {
    private struct Waiter {
        let number: Int
        let isMet: @Sendable ([Event]) -> Bool
        let continuation: CheckedContinuation<[Event], Never>
    }

    private struct State {
        var events: [Event] = []
        var waiters: [Waiter] = []
        var nextNumber = 0
    }

    private let state = Mutex(State())

    var events: [Event] { state.withLock { $0.events } }

    func append(_ event: Event) {
        let (met, events) = state.withLock { state in
            state.events.append(event)
            let events = state.events
            let met = state.waiters.filter { $0.isMet(events) }
            state.waiters.removeAll { waiter in met.contains { $0.number == waiter.number } }
            return (met, events)
        }
        for waiter in met { waiter.continuation.resume(returning: events) }
    }

    /// Waits until `isMet` and returns what has happened by then; the test's time limit ends a vain wait.
    @discardableResult
    func wait(until isMet: @escaping @Sendable ([Event]) -> Bool) async -> [Event] {
        let number = state.withLock { state in
            state.nextNumber += 1
            return state.nextNumber
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let events: [Event]? = state.withLock { state in
                    if isMet(state.events) || Task.isCancelled { return state.events }
                    state.waiters.append(Waiter(number: number, isMet: isMet, continuation: continuation))
                    return nil
                }
                if let events { continuation.resume(returning: events) }
            }
        } onCancel: {
            let (waiter, events) = state.withLock { state in
                let index = state.waiters.firstIndex { $0.number == number }
                return (index.map { state.waiters.remove(at: $0) }, state.events)
            }
            waiter?.continuation.resume(returning: events)
        }
    }
}

/// What the intake did to those around it.
enum IntakeEvent: Sendable, Equatable {
    case acknowledged([UInt64])
    case rejected(UInt64)
    case paused
    case resumed
    case enqueued([JournalID])
    case served(UInt64)
    case published(WireMessage.Kind)
    case state(IntakeState)
}

/// A queue that the test fills.
final class IntakeSource: MessageSource {
    private struct State {
        var batches: [[IncomingMessage]] = []
        var waiter: CheckedContinuation<[IncomingMessage]?, Never>?
        var isClosed = false
    }

    private let state = Mutex(State())
    private let log: EventLog<IntakeEvent>
    private let onAcknowledge: @Sendable ([UInt64]) -> Void

    init(log: EventLog<IntakeEvent>, onAcknowledge: @escaping @Sendable ([UInt64]) -> Void = { _ in }) {
        self.log = log
        self.onAcknowledge = onAcknowledge
    }

    func feed(_ batch: [IncomingMessage]) {
        let waiter = state.withLock { state in
            let waiter = state.waiter
            state.waiter = nil
            if waiter == nil { state.batches.append(batch) }
            return waiter
        }
        waiter?.resume(returning: batch)
    }

    func close() {
        let waiter = state.withLock { state in
            state.isClosed = true
            let waiter = state.waiter
            state.waiter = nil
            return waiter
        }
        waiter?.resume(returning: nil)
    }

    func nextBatch() async -> [IncomingMessage]? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: [IncomingMessage]?? = state.withLock { state in
                    if !state.batches.isEmpty { return .some(state.batches.removeFirst()) }
                    if state.isClosed || Task.isCancelled { return .some(nil) }
                    state.waiter = continuation
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            close()
        }
    }

    func acknowledge(_ tokens: [AcknowledgementToken]) {
        let numbers = tokens.map(\.number)
        onAcknowledge(numbers)
        log.append(.acknowledged(numbers))
    }

    func reject(_ token: AcknowledgementToken, requeue: Bool) { log.append(.rejected(token.number)) }
    func pause() { log.append(.paused) }
    func resume() { log.append(.resumed) }
}

/// A broker to publish to, which the test can make refuse.
final class IntakeSink: MessageSink {
    private let log: EventLog<IntakeEvent>
    private let failures: Mutex<[DeliveryFailure]>

    init(log: EventLog<IntakeEvent>, failures: [DeliveryFailure] = []) {
        self.log = log
        self.failures = Mutex(failures)
    }

    func publish(_ message: WireMessage) async throws(DeliveryFailure) {
        let failure = failures.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        if let failure { throw failure }
        log.append(.published(message.kind))
    }
}

/// Work that is noted and not done.
final class IntakeWork: AcceptedWork {
    private let log: EventLog<IntakeEvent>
    private let entries = Mutex<[JournalEntry]>([])
    private let holdsReadings: Bool

    init(log: EventLog<IntakeEvent>, holdsReadings: Bool = false) {
        self.log = log
        self.holdsReadings = holdsReadings
    }

    var received: [JournalEntry] { entries.withLock { $0 } }

    func enqueue(_ entries: [JournalEntry]) {
        self.entries.withLock { $0 += entries }
        log.append(.enqueued(entries.map(\.id)))
    }

    func serve(_ message: IncomingMessage) async {
        log.append(.served(message.token.number))
        guard holdsReadings else { return }
        // Until the test ends and cancels it.
        await log.wait { _ in false }
    }
}

/// Routes by name: `read_…` is read-only, `unknown` and `old` are refused, everything else is work.
struct IntakeRouter: RequestRouter {
    func route(_ summary: MessageSummary) -> RequestRoute {
        switch summary.method {
        case "unknown": .unknownMethod(ComputeFault(.noSuchMethod, "No such RPC function 'unknown'"))
        case "old": .unsupportedVersion(ComputeFault(.unsupportedVersion, "Version 9.0 is not supported"))
        default:
            .operation(OperationName(rawValue: summary.method), isReadOnly: summary.method.hasPrefix("read_"))
        }
    }
}

/// A wall clock that the test moves.
final class ManualWallClock: WallClock {
    private let time = Mutex(Timestamp(microseconds: 1_000_000_000))
    func now() -> Timestamp { time.withLock { $0 } }
    func advance(bySeconds seconds: Int) { time.withLock { $0 = $0.advanced(bySeconds: Int64(seconds)) } }
}

/// An intake between fakes, on a real store.
struct IntakeFixture: Sendable {
    let directory: String
    let log = EventLog<IntakeEvent>()
    let clock = ManualClock()
    let wallClock: ManualWallClock
    let room: InstanceRoom
    let store: WorkerStore
    let source: IntakeSource
    let work: IntakeWork
    let intake: Intake

    static func run<Value: Sendable>(
        store configure: (inout StoreConfiguration) -> Void = { _ in },
        _ configuration: IntakeConfiguration = IntakeConfiguration(), failures: [DeliveryFailure] = [],
        holdsReadings: Bool = false, isFull: Bool = false,
        onAcknowledge: @escaping @Sendable (String, [UInt64]) -> Void = { _, _ in },
        _ body: @escaping @Sendable (IntakeFixture) async throws -> Value
    ) async throws -> Value {
        let directory = FileManager.default.temporaryDirectory.path + "/intake-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var storeConfiguration = StoreConfiguration(directory: directory)
        configure(&storeConfiguration)
        let fixture = try IntakeFixture(
            directory, storeConfiguration, configuration, failures, holdsReadings, isFull, onAcknowledge)
        let outcome: Result<Value, any Error>
        do {
            let value = try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await fixture.intake.run() }
                let value = try await body(fixture)
                fixture.source.close()
                group.cancelAll()
                try await group.waitForAll()
                return value
            }
            outcome = .success(value)
        } catch {
            outcome = .failure(error)
        }
        await fixture.store.close()
        return try outcome.get()
    }

    private init(
        _ directory: String, _ storeConfiguration: StoreConfiguration, _ configuration: IntakeConfiguration,
        _ failures: [DeliveryFailure], _ holdsReadings: Bool, _ isFull: Bool,
        _ onAcknowledge: @escaping @Sendable (String, [UInt64]) -> Void
    ) throws {
        self.directory = directory
        store = try WorkerStore(storeConfiguration)
        let log = log
        source = IntakeSource(log: log) { onAcknowledge(directory, $0) }
        work = IntakeWork(log: log, holdsReadings: holdsReadings)
        wallClock = ManualWallClock()
        room = InstanceRoom()
        room.report(isFull: isFull)
        intake = Intake(
            source: source, sink: IntakeSink(log: log, failures: failures), encoder: FlatWire(), router: IntakeRouter(),
            work: work, store: store, configuration: configuration, clock: clock,
            wallClock: wallClock, room: room, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, onState: { log.append(.state($0)) })
    }

    /// The numbers of all messages that were acknowledged so far.
    var acknowledged: Set<UInt64> { Self.acknowledged(log.events) }

    static func acknowledged(_ events: [IntakeEvent]) -> Set<UInt64> {
        events.reduce(into: []) { if case .acknowledged(let numbers) = $1 { $0.formUnion(numbers) } }
    }

    func waitForAcknowledgement(_ numbers: UInt64...) async {
        let wanted = Set(numbers)
        await log.wait { Self.acknowledged($0).isSuperset(of: wanted) }
    }

    /// What a crash at this moment would leave of the journal: the number of unfinished rows.
    static func unfinishedAfterCrash(of directory: String) throws -> Int {
        let copy = directory + "-copy-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: copy) }
        try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
        for name in ["worker.sqlite", "worker.sqlite-wal"] {
            try FileManager.default.copyItem(atPath: "\(directory)/\(name)", toPath: "\(copy)/\(name)")
        }
        return try WorkerStore(StoreConfiguration(directory: copy)).levels.unfinished
    }
}

func incoming(
    _ number: UInt64, _ method: String = "reboot_instance", id: String? = nil, body: String? = nil,
    redelivered: Bool = false, connection: UInt64 = 1, isCall: Bool = false, size: Int? = nil,
    malformed: MalformedMessage? = nil, of instance: UInt64? = nil
) -> IncomingMessage {
    let bytes = Array((body ?? "{\"n\": \(number)}").utf8)
    let summary = MessageSummary(
        form: id == nil ? .flat : .enveloped, method: method, version: "2.0", uniqueID: id,
        reply: isCall ? .messageID("call\(number)") : nil,
        instance: instance.map { InstanceID(bits: UniqueBits(high: 0, low: $0)) })
    return IncomingMessage(
        token: AcknowledgementToken(generation: connection, number: number), body: bytes, size: size ?? bytes.count,
        isRedelivered: redelivered, scan: malformed.map { .failure($0) } ?? .success(summary))
}
