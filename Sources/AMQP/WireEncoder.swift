// SPDX-License-Identifier: Apache-2.0

internal import CRabbitMQ
internal import Glibc

/// Makes the library's values out of Swift's, in memory of a pool that is emptied after each use.
final class WireEncoder {
    private var pool = amqp_pool_t()

    init() { init_amqp_pool(&pool, 4096) }
    deinit { empty_amqp_pool(&pool) }

    /// Takes back all memory handed out so far.
    func reset() { recycle_amqp_pool(&pool) }

    func bytes(_ text: String) -> amqp_bytes_t {
        var text = text
        return text.withUTF8 { bytes(UnsafeRawBufferPointer($0)) }
    }

    func bytes(_ source: UnsafeRawBufferPointer) -> amqp_bytes_t {
        guard source.count > 0, let memory = amqp_pool_alloc(&pool, source.count), let base = source.baseAddress else {
            return amqp_bytes_t(len: 0, bytes: nil)
        }
        memcpy(memory, base, source.count)
        return amqp_bytes_t(len: source.count, bytes: memory)
    }

    func table(_ table: FieldTable) -> amqp_table_t {
        guard !table.isEmpty, let entries = allocate(amqp_table_entry_t.self, table.count) else {
            return amqp_table_t(num_entries: 0, entries: nil)
        }
        // In order of the keys, so that equal tables are equal bytes.
        for (index, key) in table.keys.sorted().enumerated() {
            entries[index] = amqp_table_entry_t(key: bytes(key), value: value(table[key] ?? .null))
        }
        return amqp_table_t(num_entries: Int32(table.count), entries: entries)
    }

    private func value(_ value: FieldValue) -> amqp_field_value_t {
        var result = amqp_field_value_t()
        switch value {
        case .bool(let flag):
            result.kind = UInt8(AMQP_FIELD_KIND_BOOLEAN.rawValue)
            result.value.boolean = flag ? 1 : 0
        case .int(let number):
            // RabbitMQ's own clients send small numbers as 32 bits; x-expires and its like take either.
            if let small = Int32(exactly: number) {
                result.kind = UInt8(AMQP_FIELD_KIND_I32.rawValue)
                result.value.i32 = small
            } else {
                result.kind = UInt8(AMQP_FIELD_KIND_I64.rawValue)
                result.value.i64 = number
            }
        case .unsigned(let number):
            // RabbitMQ reads no unsigned 64-bit field: what fits goes signed.
            result.kind = UInt8(AMQP_FIELD_KIND_I64.rawValue)
            result.value.i64 = Int64(clamping: number)
        case .double(let number):
            result.kind = UInt8(AMQP_FIELD_KIND_F64.rawValue)
            result.value.f64 = number
        case .string(let text):
            result.kind = UInt8(AMQP_FIELD_KIND_UTF8.rawValue)
            result.value.bytes = bytes(text)
        case .bytes(let source):
            result.kind = UInt8(AMQP_FIELD_KIND_BYTES.rawValue)
            result.value.bytes = source.withUnsafeBytes { bytes($0) }
        case .timestamp(let seconds):
            result.kind = UInt8(AMQP_FIELD_KIND_TIMESTAMP.rawValue)
            result.value.u64 = seconds
        case .array(let values):
            result.kind = UInt8(AMQP_FIELD_KIND_ARRAY.rawValue)
            let entries = allocate(amqp_field_value_t.self, values.count)
            for (index, element) in values.enumerated() { entries?[index] = self.value(element) }
            result.value.array = amqp_array_t(num_entries: entries == nil ? 0 : Int32(values.count), entries: entries)
        case .table(let inner):
            result.kind = UInt8(AMQP_FIELD_KIND_TABLE.rawValue)
            result.value.table = table(inner)
        case .null:
            result.kind = UInt8(AMQP_FIELD_KIND_VOID.rawValue)
        }
        return result
    }

    private func allocate<Element>(_ type: Element.Type, _ count: Int) -> UnsafeMutablePointer<Element>? {
        guard count > 0, let memory = amqp_pool_alloc(&pool, count * MemoryLayout<Element>.stride) else { return nil }
        return memory.bindMemory(to: type, capacity: count)
    }

    func properties(_ source: MessageProperties) -> amqp_basic_properties_t {
        var result = amqp_basic_properties_t()
        var flags: Int32 = 0
        func set(_ field: WritableKeyPath<amqp_basic_properties_t, amqp_bytes_t>, _ text: String?, _ flag: Int32) {
            guard let text else { return }
            result[keyPath: field] = bytes(text)
            flags |= flag
        }
        if let text = source.contentType {
            result.content_type = bytes(text)
            flags |= AMQP_BASIC_CONTENT_TYPE_FLAG
        }
        if let text = source.contentEncoding {
            result.content_encoding = bytes(text)
            flags |= AMQP_BASIC_CONTENT_ENCODING_FLAG
        }
        if let headers = source.headers {
            result.headers = table(headers)
            flags |= AMQP_BASIC_HEADERS_FLAG
        }
        if let mode = source.deliveryMode {
            result.delivery_mode = mode
            flags |= AMQP_BASIC_DELIVERY_MODE_FLAG
        }
        if let priority = source.priority {
            result.priority = priority
            flags |= AMQP_BASIC_PRIORITY_FLAG
        }
        if let seconds = source.timestamp {
            result.timestamp = seconds
            flags |= AMQP_BASIC_TIMESTAMP_FLAG
        }
        set(\.correlation_id, source.correlationID, AMQP_BASIC_CORRELATION_ID_FLAG)
        set(\.reply_to, source.replyTo, AMQP_BASIC_REPLY_TO_FLAG)
        set(\.expiration, source.expiration, AMQP_BASIC_EXPIRATION_FLAG)
        set(\.message_id, source.messageID, AMQP_BASIC_MESSAGE_ID_FLAG)
        set(\.type, source.type, AMQP_BASIC_TYPE_FLAG)
        set(\.user_id, source.userID, AMQP_BASIC_USER_ID_FLAG)
        set(\.app_id, source.appID, AMQP_BASIC_APP_ID_FLAG)
        result._flags = amqp_flags_t(flags)
        return result
    }
}
