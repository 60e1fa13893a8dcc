// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import ImageService
internal import Logging
internal import WorkerStore

/// What every piece of work is given.
struct ManagerServices: Sendable {
    let configuration: ManagerConfiguration
    let store: WorkerStore
    let driver: DriverGateway
    let images: any ImageLibrary
    let peers: Peers
    let peerMetrics = PeerMetrics()
    let toldLacks = ToldLacks()
    let encoder: any MessageEncoder
    let decoder: any RequestDecoder
    let sink: any MessageSink
    let dialects: DialectTable
    let events: EventFactory
    let deleted: DeletedInstances
    /// The hosts of instances that have left this one for good, for what was sent here before that was known.
    let departed: InstanceMemory<String>
    let capacity: HostCapacity
    let clock: any Clock<Duration>
    let identifiers: any IdentifierSource
    let logger: Logger

    /// What is known of an instance; a build's is new, which needs no look at the disk.
    func row(_ id: InstanceID) async throws -> StoredInstance? {
        store.mayHold(id) ? try await read { try $0.instance(id) } : nil
    }

    /// Writes, and goes on trying while the disk is full or fails: what was acknowledged is not given up for that.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (borrowing StoreTransaction) throws -> Value
    ) async throws -> Value {
        try await patience.outlasting("the store can't be written; trying again") { try await store.write(body) }
    }

    /// Reads with the same patience.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (borrowing StoreSnapshot) throws -> Value
    ) async throws -> Value {
        try await patience.outlasting("the store can't be read; trying again") { try await store.read(body) }
    }

    private var patience: StorePatience { StorePatience(clock: clock, logger: logger) }
}
