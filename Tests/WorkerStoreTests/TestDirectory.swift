// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import GRDB
import SimulatedDisk
import Synchronization
import Testing

@testable import WorkerStore

/// Runs `body` with a directory of its own, which is gone afterwards.
func withDirectory<Value>(
    isolation: isolated (any Actor)? = #isolation, _ body: (String) async throws -> Value
) async throws -> Value {
    let path = FileManager.default.temporaryDirectory.path + "/store-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}

/// Runs `body` with an open store, which is closed afterwards.
func withStore<Value>(
    isolation: isolated (any Actor)? = #isolation,
    _ adjust: (inout StoreConfiguration) -> Void = { _ in }, _ body: (WorkerStore, String) async throws -> Value
) async throws -> Value {
    try await withDirectory { path in
        var configuration = StoreConfiguration(directory: path)
        adjust(&configuration)
        let store = try WorkerStore(configuration)
        let outcome: Result<Value, any Error>
        do { outcome = .success(try await body(store, path)) } catch { outcome = .failure(error) }
        await store.close()
        return try outcome.get()
    }
}

/// Opens the store in `path` for as long as `body` runs.
func reopening<Value>(
    _ path: String, isolation: isolated (any Actor)? = #isolation, _ body: (WorkerStore) async throws -> Value
) async throws -> Value {
    let store = try WorkerStore(StoreConfiguration(directory: path))
    let outcome: Result<Value, any Error>
    do { outcome = .success(try await body(store)) } catch { outcome = .failure(error) }
    await store.close()
    return try outcome.get()
}

/// The files of the store as a crash at this moment would leave them, opened as another store.
func afterCrash<Value>(
    of path: String, isolation: isolated (any Actor)? = #isolation, _ body: (WorkerStore) async throws -> Value
) async throws -> Value {
    try await withDirectory { copy in
        try FileManager.default.createDirectory(
            atPath: copy, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        for name in ["worker.sqlite", "worker.sqlite-wal"] {
            try FileManager.default.copyItem(atPath: "\(path)/\(name)", toPath: "\(copy)/\(name)")
        }
        return try await reopening(copy, body)
    }
}

/// Holds a store without keeping it.
private final class Hand: Sendable {
    struct Held {
        weak var store: WorkerStore?
    }

    let store = Mutex(Held())
}

/// A store on a simulated disk that carries out at once, on the caller's thread, whatever is queued.
func drivenStore(
    on disk: SimulatedDisk, _ adjust: (inout StoreConfiguration) -> Void = { _ in }
) throws -> WorkerStore {
    let hand = Hand()
    var configuration = StoreConfiguration(
        directory: "/journal", pageSize: 512, checkpointBytes: 8192, fileSystem: disk.name)
    configuration.threads = .driven
    configuration.onWork = {
        guard let store = hand.store.withLock({ $0.store }) else { return }
        store.commitPending()
        while store.readNext() {}
    }
    adjust(&configuration)
    let store = try WorkerStore(configuration)
    hand.store.withLock { $0.store = store }
    return store
}

let instanceA = InstanceID(bits: UniqueBits(high: 1, low: 2))
let instanceB = InstanceID(bits: UniqueBits(high: 1, low: 3))

func newEntry(
    _ uniqueID: String?, body: [UInt8] = Array("{}".utf8), redelivered: Bool = false, connection: UInt64 = 1,
    reply: ReplyAddress? = nil, instance: InstanceID? = instanceA
) -> NewJournalEntry {
    NewJournalEntry(
        summary: MessageSummary(
            form: uniqueID == nil ? .flat : .enveloped, method: "reboot_instance", version: "2.0", uniqueID: uniqueID,
            reply: reply, instance: instance, requestID: "req-1"),
        operation: "reboot_instance", body: body, isRedelivered: redelivered,
        connection: connection, receivedAt: Timestamp(microseconds: 1_000_000))
}

func newMessage(_ key: String, _ text: String = "{}", kind: OutboxMessage.Kind = .notification) -> OutboxMessage {
    OutboxMessage(
        orderingKey: key, kind: kind, exchange: "nova", routingKey: "notifications.info", isMandatory: false,
        body: Array(text.utf8))
}

func accepted(_ acceptance: Acceptance) throws -> JournalID {
    guard case .accepted(let id) = acceptance else {
        Issue.record("a new message was taken for a repeat: \(acceptance)")
        throw CancellationError()
    }
    return id
}

extension WorkerStore {
    func accept(_ entry: NewJournalEntry) async throws -> Acceptance { try await write { try $0.accept(entry) } }
}
