// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeManager
import ComputeModel
import FakeDriver
import Foundation
import ImageService
import Logging
import Synchronization
import Testing
import WorkerStore

/// A manager on a real store in a directory of its own, with the fake driver and no broker.
///
/// The store and the driver outlive a manager, so that a test can let one die and start the next.
final class ManagerFixture: Sendable {
    static let host = "compute1"

    let directory: String
    let store: WorkerStore
    let driver: FakeDriver
    let sink = RecordingSink()
    let clock = ManualClock()
    let wire: FlatWire
    let configuration: ManagerConfiguration
    let logs = LogRecorder()

    init(
        _ configure: (inout ManagerConfiguration) -> Void = { _ in }, hostname: String = "fake-mini", forms: Int = 1,
        directory known: String? = nil, store configureStore: (inout StoreConfiguration) -> Void = { _ in }
    ) throws {
        wire = FlatWire(forms: forms)
        directory =
            known ?? FileManager.default.temporaryDirectory.appendingPathComponent("manager-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory + "/images", withIntermediateDirectories: true)
        var storeConfiguration = StoreConfiguration(directory: directory + "/state")
        configureStore(&storeConfiguration)
        store = try WorkerStore(storeConfiguration)
        driver = FakeDriver(hostname: hostname, clock: clock)
        var configuration = ManagerConfiguration(
            host: Self.host, glanceURL: "http://192.0.2.20:9292",
            updates: UpdateNotifications(onStateChange: .vmAndTaskState))
        configuration.deadlines.reconnection = .zero
        configure(&configuration)
        self.configuration = configuration
    }

    /// - Parameter plain: whether the driver is one without facets that honours no wishes.
    func makeManager(
        plain: Bool = false, images: (any ImageLibrary)? = nil, wallClock: any WallClock = SystemWallClock(),
        peers: Peers = .none, driver other: (any ComputeDriver)? = nil
    ) -> ComputeManager {
        ComputeManager(
            configuration: configuration, store: store,
            driver: other ?? (plain ? PlainDriver(fake: driver) : driver),
            images: images ?? LocalImageDirectory(path: directory + "/images"),
            peers: peers, encoder: wire, decoder: wire, sink: sink,
            clock: clock, wallClock: wallClock, logger: Logger(label: "test") { [logs] _ in logs.handler })
    }

    /// Runs a manager around `body` and stops it, whatever the outcome.
    func run<Output: Sendable>(
        plain: Bool = false, images: (any ImageLibrary)? = nil, wallClock: any WallClock = SystemWallClock(),
        peers: Peers = .none, driver: (any ComputeDriver)? = nil,
        _ body: @escaping @Sendable (ComputeManager) async throws -> Output
    ) async throws -> Output {
        let manager = makeManager(
            plain: plain, images: images, wallClock: wallClock, peers: peers, driver: driver)
        return try await withThrowingTaskGroup(of: Output?.self) { group in
            group.addTask {
                try await manager.run()
                return nil
            }
            group.addTask { try await body(manager) }
            var output: Output?
            while output == nil, let value = try await group.next() { output = value }
            group.cancelAll()
            while (try? await group.next()) != nil {}
            return try #require(output)
        }
    }

    func close() async {
        await store.close()
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Journals requests and hands them over, as the intake does.
    @discardableResult
    func submit(_ manager: ComputeManager?, _ bodies: [UInt8]...) async throws -> [JournalEntry] {
        let entries = try bodies.map { try newEntry($0) }
        let accepted = try await store.write { transaction in
            try entries.compactMap { entry -> JournalEntry? in
                guard case .accepted(let id) = try transaction.accept(entry) else { return nil }
                return entry.entry(id)
            }
        }
        manager?.work.enqueue(accepted)
        return accepted
    }

    /// Journals, hands over, and waits until everything is finished.
    func perform(_ manager: ComputeManager, _ bodies: [UInt8]...) async throws {
        for body in bodies { try await submit(manager, body) }
        await idle()
    }

    /// Returns when no request is unfinished.
    func idle() async { _ = await store.wait { $0.unfinished == 0 } }

    private func newEntry(_ body: [UInt8]) throws -> NewJournalEntry {
        let request = try wire.decode(body)
        let instance = request.arguments["instance"]?["uuid"]?.string.flatMap { InstanceID($0) }
        let reply: ReplyAddress? = request.reply
        let summary = MessageSummary(
            form: .flat, method: request.method, version: request.version, reply: reply, instance: instance,
            requestID: request.context.requestID)
        guard case .operation(let name, _) = FolsomDialect.table.route(summary) else {
            throw ComputeFault(.noSuchMethod, request.method)
        }
        return NewJournalEntry(
            summary: summary, operation: name.rawValue, body: body, isRedelivered: false,
            receivedAt: SystemWallClock().now())
    }

    /// Lets some time pass, and whoever wakes by it reach the store.
    func step(by duration: Duration = .milliseconds(500)) async throws {
        clock.advance(by: duration)
        try await store.probe()
    }

    /// Moves the clock on until a fact holds; whether it did, within a while.
    func eventually(_ fact: () async throws -> Bool) async throws -> Bool {
        let end = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < end {
            try await step()
            if try await fact() { return true }
        }
        return false
    }

    /// What stands in the outbox, in order.
    func outbox() async throws -> [OutboxMessage] {
        try await store.read { try $0.outbox(limit: 10_000).map(\.message) }
    }

    /// The events in the outbox, in order.
    func events() async throws -> [JSONObject] {
        try await outbox().filter { $0.kind == .notification }.compactMap { try JSONParser.parse($0.body).object }
    }

    /// The types of the events, updates left out.
    func eventTypes() async throws -> [String] {
        try await events().compactMap { $0["event_type"]?.string }.filter { $0 != "compute.instance.update" }
    }

    func instance(_ id: InstanceID) async throws -> Instance? {
        try await store.read { try $0.instance(id)?.instance }
    }

    func resources(_ id: InstanceID) async throws -> [StoredResource] {
        try await store.read { try $0.resources(of: id) }
    }

    func finished(_ entry: JournalEntry) async throws -> FinishedEntry? {
        try await store.read { try $0.finishedEntry(entry.id) }
    }
}

/// Remembers what is logged.
final class LogRecorder: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }
    var handler: Handler { Handler(recorder: self) }

    fileprivate func add(_ line: String) { lines.withLock { $0.append(line) } }

    struct Handler: LogHandler {
        let recorder: LogRecorder
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level = .trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let fields = metadata.merging(event.metadata ?? [:]) { $1 }
            recorder.add("\(event.level) \(event.message) \(fields.isEmpty ? "" : fields.description)")
        }
    }
}
