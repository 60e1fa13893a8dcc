// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import FoundationEssentials
internal import GRDB

/// Looks at rows that may be damaged: nothing here believes in the type of a column before its sum has been checked.
extension Row {
    /// What a journal row's sum is made of, in the order in which ``journalSum()`` reads it.
    static let journalColumns = """
        id, unique_id, content_hash, form, method, version, operation, instance, request_id, reply, received_at
        """

    /// A finished row, in the order in which ``isSoundEnd()`` reads it.
    static let endColumns = "\(journalColumns), sum, outcome, finished_at, last_error, step_sum"

    func int64(_ index: Int) -> Int64? { Int64.fromDatabaseValue(self[index]) }

    func text(_ index: Int) -> String? {
        guard case .string(let text) = (self[index] as DatabaseValue).storage else { return nil }
        return text
    }

    /// Whether a column that may be empty is that, or a text.
    func isTextOrNull(_ index: Int) -> Bool {
        switch (self[index] as DatabaseValue).storage {
        case .null, .string: true
        default: false
        }
    }

    func isBlobOrNull(_ index: Int) -> Bool {
        switch (self[index] as DatabaseValue).storage {
        case .null, .blob: true
        default: false
        }
    }

    func withBytes<Value>(_ index: Int, _ body: (UnsafeRawBufferPointer) throws -> Value) throws -> Value {
        try withUnsafeData(atIndex: index) { data in
            guard let data else { return try body(UnsafeRawBufferPointer(start: nil, count: 0)) }
            return try data.withUnsafeBytes(body)
        }
    }

    /// The sum that ``journalColumns`` add up to from `first` on; nil where one of them is not what it must be.
    func journalSum(from first: Int = 0) throws -> Int64? {
        guard let id = int64(first), let name = try nameSum(from: first), let form = int64(first + 3),
            let method = text(first + 4), let version = text(first + 5), let operation = text(first + 6),
            let receivedAt = int64(first + 10), isBlobOrNull(first + 7), isTextOrNull(first + 8),
            isTextOrNull(first + 9)
        else { return nil }
        return RowSum.journal(
            id: id, name: name, form: form, method: method, version: version, operation: operation,
            instance: try instanceID(first + 7)?.bits, requestID: text(first + 8), reply: text(first + 9),
            receivedAt: receivedAt)
    }

    /// Whether a journal row, its columns as ``StoreSnapshot/recordColumns`` names them, can be believed; its step and
    /// its message have sums of their own.
    func isSoundRecord() throws -> Bool {
        guard let sum = try journalSum() else { return false }
        return sum == int64(11) && isBlobOrNull(12) && int64(13) != nil && int64(14) != nil && isTextOrNull(15)
    }

    /// Whether a finished row can be believed, in what was asked for and in how it ended.
    func isSoundEnd() throws -> Bool {
        guard let id = int64(0), let finishedAt = int64(13), isTextOrNull(12), isTextOrNull(14),
            let sum = try journalSum(), sum == int64(11)
        else { return false }
        return RowSum.end(id: id, outcome: text(12), finishedAt: finishedAt, error: text(14)) == int64(15)
    }

    /// The sum of the first three of them.
    func nameSum(from first: Int = 0) throws -> UInt32? {
        guard let id = int64(first), isBlobOrNull(first + 2) else { return nil }
        let content = try withUnsafeData(atIndex: first + 2) { $0.flatMap { UniqueBits(blob: $0) } }
        switch (self[first + 1] as DatabaseValue).storage {
        case .blob(let data): return RowSum.name(id: id, bits: UniqueBits(blob: data), text: nil, content: content)
        case .string(let text): return RowSum.name(id: id, bits: nil, text: text, content: content)
        default: return RowSum.name(id: id, bits: nil, text: nil, content: content)
        }
    }

    /// The sum of an outbox row; nil where a column is not what it must be.
    func outboxSum() throws -> Int64? {
        guard let id = int64(0), let key = text(1), let kind = int64(2), let exchange = text(3),
            let routingKey = text(4), let mandatory = int64(5), let createdAt = int64(8)
        else { return nil }
        return try withBytes(6) { headers in
            try withBytes(9) { body in
                RowSum.outbox(
                    id: id, orderingKey: key, kind: kind, exchange: exchange, routingKey: routingKey,
                    isMandatory: mandatory != 0, headers: headers, instance: try instanceID(7)?.bits,
                    createdAt: createdAt, sequence: int64(10), body: body)
            }
        }
    }

    /// Whether an instance's row, its columns from the first on as the statements have them, agrees with its sums.
    func isSoundInstance(uuid: Int, fields: Int, network: Int, details: Int, updatedAt: Int, sums: Int) throws -> Bool {
        guard let id = try instanceID(uuid)?.bits, let time = int64(updatedAt), let sum = int64(sums),
            let rest = int64(sums + 1)
        else { return false }
        guard try withBytes(fields, { RowSum.fields(of: id, $0, updatedAt: time) }) == sum else { return false }
        return try withBytes(network) { network in
            try withBytes(details) { RowSum.rest(of: id, network: network, details: $0) }
        } == rest
    }

    /// All columns, as what is left of a damaged row is kept: a line for each, its name and its bytes.
    var remains: Data {
        var bytes = Data()
        for (name, value) in self {
            bytes.append(contentsOf: Array("\(name): ".utf8))
            switch value.storage {
            case .null: bytes.append(contentsOf: Array("NULL".utf8))
            case .int64(let number): bytes.append(contentsOf: Array("\(number)".utf8))
            case .double(let number): bytes.append(contentsOf: Array("\(number)".utf8))
            case .string(let text): bytes.append(contentsOf: Array(text.utf8))
            case .blob(let data): bytes.append(data)
            }
            bytes.append(0x0A)
        }
        return bytes
    }
}
