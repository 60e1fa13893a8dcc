// SPDX-License-Identifier: Apache-2.0

@testable import ComputeManager
import ComputeModel
import FakeDriver
import FoundationEssentials
import ImageService
import Logging
import Synchronization
import WorkerStore

/// One worker of a ``TwinWorld``: it can be killed, and then begins anew on what its store holds.
final class TwinHost: Sendable {
    private struct State {
        var store: WorkerStore?
        var manager: ComputeManager?
        /// What the broker holds while the worker is down.
        var waiting: [[UInt8]] = []
        /// Messages that are being journaled.
        var arriving = 0
        var kill: AsyncStream<Void>.Continuation?
        var lives = 0
    }

    let name: String
    let driver: TwinDriver
    let network: TwinNetwork
    private let directory: String
    private unowned let world: TwinWorld
    private let wire = FlatWire()
    private let configure: @Sendable (inout ManagerConfiguration) -> Void
    private let state = Mutex(State())

    init(
        name: String, directory: String, world: TwinWorld,
        configure: @escaping @Sendable (inout ManagerConfiguration) -> Void
    ) {
        self.configure = configure
        self.name = name
        self.directory = directory
        self.world = world
        driver = TwinDriver(host: name, cluster: world.cluster, crash: world.crash)
        network = TwinNetwork(host: name, crash: world.crash)
    }

    /// How often the worker has begun.
    var lives: Int { state.withLock { $0.lives } }

    var isIdle: Bool {
        state.withLock { state in
            guard let levels = state.store?.levels, state.manager != nil, state.waiting.isEmpty, state.arriving == 0
            else { return false }
            return levels.unfinished == 0 && levels.outbox == 0
        }
    }

    var hasToldAll: Bool { state.withLock { $0.store?.levels.outbox == 0 } }

    func kill() { state.withLock { $0.kill }?.yield() }

    /// Lives, and begins anew after each death, until the task is cancelled.
    func live() async throws {
        while !Task.isCancelled {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            let store = try WorkerStore(StoreConfiguration(directory: directory + "/state"))
            var configuration = ManagerConfiguration(
                host: name, glanceURL: "http://192.0.2.20:9292",
                updates: UpdateNotifications(onStateChange: .vmAndTaskState))
            configuration.address = "192.0.2.\(name.dropFirst("compute".count))"
            configure(&configuration)
            var peers = Peers.none
            peers.network = network
            peers.computes = TwinComputes(world: world, caller: name)
            let logger = Logger(label: name) { [world] _ in world.logs.handler }
            let sink = TwinSink(host: name, world: world)
            let manager = ComputeManager(
                configuration: configuration, store: store, driver: driver,
                images: LocalImageDirectory(path: directory), peers: peers, encoder: TwinWire(), decoder: wire,
                sink: sink, logger: logger)
            let relay = OutboxRelay(store: store, sink: sink, observer: manager.castObserver, logger: logger)
            await lead(store, manager, relay)
        }
    }

    private func lead(_ store: WorkerStore, _ manager: ComputeManager, _ relay: OutboxRelay) async {
        let (deaths, death) = AsyncStream<Void>.makeStream()
        let waiting = state.withLock { state in
            state.store = store
            state.manager = manager
            state.kill = death
            state.lives += 1
            state.arriving += state.waiting.count
            defer { state.waiting = [] }
            return state.waiting
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await manager.run() }
            group.addTask { try? await relay.run() }
            group.addTask { for await _ in deaths { return } }
            for body in waiting {
                await take(body)
                state.withLock { $0.arriving -= 1 }
            }
            await group.next()
            group.cancelAll()
        }
        state.withLock { state in
            state.store = nil
            state.manager = nil
        }
        await store.close()
    }

    /// Journals a message as the intake does; kept while the worker is down.
    func take(_ body: [UInt8]) async {
        let (store, manager) = state.withLock { state in
            state.arriving += 1
            return (state.store, state.manager)
        }
        defer { state.withLock { $0.arriving -= 1 } }
        guard let store, let manager, let entry = try? entry(body) else {
            return state.withLock { $0.waiting.append(body) }
        }
        do {
            let accepted = try await store.write { transaction -> [JournalEntry] in
                guard case .accepted(let id) = try transaction.accept(entry) else { return [] }
                return [entry.entry(id)]
            }
            manager.work.enqueue(accepted)
        } catch {
            state.withLock { $0.waiting.append(body) }
        }
    }

    private func entry(_ body: [UInt8]) throws -> NewJournalEntry {
        let request = try wire.decode(body)
        let object = try JSONParser.parse(body)
        let summary = MessageSummary(
            form: .flat, method: request.method, version: request.version, uniqueID: object["_unique_id"]?.string,
            reply: request.reply, instance: request.arguments["instance"]?["uuid"]?.string.flatMap { InstanceID($0) },
            requestID: request.context.requestID)
        guard case .operation(let name, _) = FolsomDialect.table.route(summary) else {
            throw ComputeFault(.noSuchMethod, request.method)
        }
        return NewJournalEntry(
            summary: summary, operation: name.rawValue, body: body, isRedelivered: false,
            receivedAt: SystemWallClock().now())
    }

    /// The row as the store has it.
    func row(_ id: InstanceID) async throws -> StoredInstance? {
        guard let store = state.withLock({ $0.store }) else { return nil }
        return try await store.read { try $0.instance(id) }
    }

    /// What the journal says of the casts that were made: whom to, what, and what became of it.
    func castTraces() async throws -> [String] {
        guard let store = state.withLock({ $0.store }) else { return [] }
        return try await store.read { snapshot in
            try (1...9).flatMap { try snapshot.peerCalls(of: JournalID($0)) }
                .filter { $0.peer.hasPrefix("compute.") }
                .map { "\($0.peer) \($0.method) \($0.endedAt == nil ? "open" : $0.outcome ?? "-")" }
        }
    }

    /// Writes what an earlier operation would have.
    func change(_ id: InstanceID, _ body: @escaping @Sendable (inout StoredInstance) -> Void) async throws {
        guard let store = state.withLock({ $0.store }) else { return }
        try await store.write { transaction in
            guard var row = try transaction.instance(id) else { return }
            body(&row)
            try transaction.save(row)
        }
    }

    /// Takes the instance from the host and out of its books, behind the worker's back.
    func lose(_ instance: Instance) async throws {
        try await driver.fake.destroy(instance)
        try await state.withLock({ $0.store })?.write { transaction in
            try transaction.strikeResources(of: instance.id)
            try transaction.remove(instance.id)
        }
    }

    func resources(_ id: InstanceID) async throws -> [StoredResource] {
        guard let store = state.withLock({ $0.store }) else { return [] }
        return try await store.read { try $0.resources(of: id) }
    }
}

/// Hands casts to the other worker, replies to whoever waits, and events to the world's record.
private struct TwinSink: MessageSink {
    let host: String
    let world: TwinWorld

    func publish(_ message: WireMessage) async throws(DeliveryFailure) {
        let body = try? JSONParser.parse(message.body)
        switch message.kind {
        case .notification: if let event = body?.object { world.heard(event, from: host) }
        case .reply: if let body { world.answered(message.routingKey, body) }
        case .deadLetter: break
        case .cast:
            let method = body?["method"]?.string ?? "?"
            await world.crash.pass(host, "before cast \(method)")
            if Task.isCancelled { throw .closed }
            try await world.send(message.body, to: String(message.routingKey.dropFirst("compute.".count)))
            await world.crash.pass(host, "after cast \(method)")
            if Task.isCancelled { throw .closed }
        }
    }
}

/// Folsom's flat words with an id, by which a repeat is known.
private struct TwinWire: MessageEncoder {
    private let flat = FlatWire()

    var sendsNotifications: Bool { true }
    func notification(_ notification: Notification) -> [WireMessage] { flat.notification(notification) }
    func reply(_ result: JSONValue, to address: ReplyAddress) -> [WireMessage] { flat.reply(result, to: address) }
    func failure(_ fault: ComputeFault, to address: ReplyAddress) -> [WireMessage] { flat.failure(fault, to: address) }
    func heartbeat(to address: ReplyAddress) -> WireMessage? { nil }
    func fanout(_ cast: OutgoingCast) -> WireMessage { flat.fanout(cast) }
    func deadLetter(_ head: [UInt8], size: Int, fault: MalformedMessage) -> WireMessage {
        flat.deadLetter(head, size: size, fault: fault)
    }

    func cast(_ cast: OutgoingCast) -> WireMessage {
        var body: JSONObject = [
            "method": .string(cast.method), "version": .string(cast.version), "args": .object(cast.arguments),
            "_unique_id": .string(cast.uniqueID.hex),
        ]
        for member in cast.context.fields.members { body["_context_\(member.key)"] = member.value }
        return WireMessage(
            kind: .cast, exchange: "nova", routingKey: cast.topic, isMandatory: true,
            body: JSONWriter.bytes(.object(body)))
    }
}
