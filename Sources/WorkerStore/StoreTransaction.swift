// SPDX-License-Identifier: Apache-2.0

public import ComputeModel
internal import FoundationEssentials
internal import GRDB

/// Changes that become lasting together, with everything that the closure's group commits; valid inside one closure.
public struct StoreTransaction: ~Copyable {
    let writer: Writer
    let database: Database
    /// The view that includes what this closure has changed so far.
    public let snapshot: StoreSnapshot
    /// The time of the commit's beginning: the same for all that one closure writes.
    public let now: Timestamp

    init(writer: Writer, database: Database, now: Timestamp) {
        self.writer = writer
        self.database = database
        self.now = now
        snapshot = StoreSnapshot(database: database, damage: writer.damage)
    }

    /// Runs a statement that returns nothing; the number of rows that it changed.
    @discardableResult
    func execute(_ sql: String, _ arguments: StatementArguments) throws -> Int {
        do {
            try database.cachedStatement(sql: sql).execute(arguments: arguments)
            return database.changesCount
        } catch {
            throw writer.damage.noting(error)
        }
    }

    /// Changes a row that means nothing.
    func probe() throws {
        try execute(
            """
            INSERT INTO meta (name, value) VALUES ('probe', ?)
                ON CONFLICT (name) DO UPDATE SET value = excluded.value
            """,
            [now.microseconds])
    }
}

extension StoreTransaction {
    // MARK: Instances

    /// Writes an instance with what belongs to it, over what was there.
    public func save(_ instance: StoredInstance) throws {
        try save(instance.instance, networkInfo: instance.networkInfo, details: instance.details)
    }

    /// Writes an instance with what belongs to it, over what was there.
    public func save(_ instance: Instance, networkInfo: [JSONValue], details: JSONObject = JSONObject()) throws {
        let (fields, sum) = written(instance)
        let (network, rest) = (JSONWriter.bytes(.array(networkInfo)), JSONWriter.bytes(.object(details)))
        try execute(
            """
            INSERT INTO instance (uuid, fields, network_info, details, updated_at, sequence, sum, rest_sum)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (uuid) DO UPDATE SET fields = excluded.fields, network_info = excluded.network_info,
                details = excluded.details, updated_at = excluded.updated_at, sequence = excluded.sequence,
                sum = excluded.sum, rest_sum = excluded.rest_sum
            """,
            [
                instance.id.bits.blob, Data(fields), Data(network), Data(rest), now.microseconds,
                takenSequence(of: instance.id), sum, Self.restSum(instance.id, network, rest),
            ])
    }

    /// Writes an instance and leaves its network and details as they are.
    public func save(_ instance: Instance) throws {
        let (fields, sum) = written(instance)
        let (network, rest) = (Array("[]".utf8), Array("{}".utf8))
        try execute(
            """
            INSERT INTO instance (uuid, fields, network_info, details, updated_at, sequence, sum, rest_sum)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (uuid) DO UPDATE SET fields = excluded.fields, updated_at = excluded.updated_at,
                sequence = excluded.sequence, sum = excluded.sum
            """,
            [
                instance.id.bits.blob, Data(fields), Data(network), Data(rest), now.microseconds,
                takenSequence(of: instance.id), sum, Self.restSum(instance.id, network, rest),
            ])
    }

    /// An instance's fields as they are written, and their sum; notes that there is a row now.
    private func written(_ instance: Instance) -> (fields: [UInt8], sum: Int64) {
        writer.instances.insert(instance.id)
        writer.memory.noteSaved(instance.id)
        let fields = JSONWriter.bytes(instance.json)
        let sum = fields.withUnsafeBytes {
            RowSum.fields(of: instance.id.bits, $0, updatedAt: now.microseconds)
        }
        return (fields, sum)
    }

    private static func restSum(_ id: InstanceID, _ network: [UInt8], _ details: [UInt8]) -> Int64 {
        network.withUnsafeBytes { network in
            details.withUnsafeBytes { RowSum.rest(of: id.bits, network: network, details: $0) }
        }
    }

    /// Forgets an instance, and what damage of it was set aside; its resources stay until they are struck. Nothing
    /// happens where it is unknown.
    public func remove(_ id: InstanceID) throws {
        try execute("DELETE FROM instance WHERE uuid = ?", [id.bits.blob])
        try release(id)
        writer.memory.noteRemoved(id)
        writer.memory.noteSequence(of: id, isWritten: false)
    }

    public func instance(_ id: InstanceID) throws -> StoredInstance? { try snapshot.instance(id) }

    public func instances() throws -> [StoredInstance] { try snapshot.instances() }

    // MARK: Resources

    /// Writes down what is about to be made for an instance. Doing it twice changes nothing.
    public func register(kind: String, name: String, for instance: InstanceID) throws {
        try execute(
            "INSERT INTO resource (instance, kind, name, sum) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [instance.bits.blob, kind, name, RowSum.resource(of: instance.bits, kind: kind, name: name)])
    }

    /// Strikes what is known to be gone. Doing it twice changes nothing.
    public func strike(kind: String, name: String, for instance: InstanceID) throws {
        try execute(
            "DELETE FROM resource WHERE instance = ? AND kind = ? AND name = ?", [instance.bits.blob, kind, name])
    }

    /// Strikes everything of an instance: all of it is known to be gone.
    public func strikeResources(of instance: InstanceID) throws {
        try execute("DELETE FROM resource WHERE instance = ?", [instance.bits.blob])
    }

    public func resources(of id: InstanceID) throws -> [StoredResource] { try snapshot.resources(of: id) }

    public func resources() throws -> [StoredResource] { try snapshot.resources() }

    // MARK: Outbox

    /// Puts a message into the outbox; it leaves after this commit, after those of its ordering key that were put there
    /// before.
    ///
    /// A notification of an instance gets the next number of that instance's events (``OutboxRow/sequence``). It costs
    /// least where the instance is saved after it in the same closure: the number is then kept in that row.
    @discardableResult
    public func enqueue(_ message: OutboxMessage) throws -> OutboxID {
        let id = writer.memory.counters.nextOutboxID
        let headers =
            message.headers.isEmpty
            ? nil
            : JSONWriter.bytes(
                .object(
                    message.headers.sorted { $0.key < $1.key }.reduce(into: JSONObject()) {
                        $0.append(newKey: $1.key, .string($1.value))
                    }))
        let sequence = message.instance.flatMap { instance in
            message.kind == .notification
                ? writer.memory.number(of: instance, repeatsEvent: message.repeatsEvent) : nil
        }
        let sum = (headers ?? []).withUnsafeBytes { headers in
            message.body.withUnsafeBytes { body in
                RowSum.outbox(
                    id: id, orderingKey: message.orderingKey, kind: Int64(message.kind.rawValue),
                    exchange: message.exchange, routingKey: message.routingKey, isMandatory: message.isMandatory,
                    headers: headers, instance: message.instance?.bits, createdAt: now.microseconds,
                    sequence: sequence, body: body)
            }
        }
        try message.body.withBlob { body in
            _ = try execute(
                """
                INSERT INTO outbox (id, ordering_key, kind, exchange, routing_key, mandatory, headers, instance,
                    created_at, body, sequence, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                [
                    id, message.orderingKey, message.kind.rawValue, message.exchange, message.routingKey,
                    message.isMandatory, headers.map { Data($0) }, message.instance?.bits.blob, now.microseconds, body,
                    sequence, sum,
                ])
        }
        writer.memory.counters.nextOutboxID += 1
        writer.memory.counters.outbox += 1
        if message.kind == .reply || message.kind == .cast { writer.memory.counters.lastAddressedID = id }
        return OutboxID(id)
    }

    /// Removes messages from the outbox; ids that are not there are passed over.
    public func strike(_ ids: [OutboxID]) throws {
        var gone = 0
        for id in ids { gone += try execute("DELETE FROM outbox WHERE id = ?", [id.value]) }
        writer.memory.counters.outbox -= gone
    }

    public func outbox(
        _ part: OutboxPart = .everything, after previous: OutboxID? = nil, limit: Int
    ) throws -> [OutboxRow] {
        try snapshot.outbox(part, after: previous, limit: limit)
    }
}
