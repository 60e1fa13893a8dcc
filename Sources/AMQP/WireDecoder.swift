// SPDX-License-Identifier: Apache-2.0

internal import CRabbitMQ
internal import Glibc

/// Makes Swift values out of the library's, before its memory is reused.
struct WireDecoder {
    private var exchanges = StringCache()
    private var routingKeys = StringCache()
    private var contentTypes = StringCache()
    private var contentEncodings = StringCache()

    /// Most messages of a queue carry the same few names: the last one is kept instead of made anew.
    struct StringCache {
        private var last = ""

        mutating func string(_ source: amqp_bytes_t) -> String {
            let isLast = last.utf8.withContiguousStorageIfAvailable { known in
                guard known.count == source.len else { return false }
                guard let base = known.baseAddress, let bytes = source.bytes else { return source.len == 0 }
                return memcmp(base, bytes, source.len) == 0
            }
            if isLast != true { last = WireDecoder.string(source) }
            return last
        }
    }

    mutating func exchange(_ source: amqp_bytes_t) -> String { exchanges.string(source) }
    mutating func routingKey(_ source: amqp_bytes_t) -> String { routingKeys.string(source) }

    static func string(_ source: amqp_bytes_t) -> String {
        String(decoding: UnsafeRawBufferPointer(start: source.bytes, count: source.len), as: UTF8.self)
    }

    mutating func properties(_ source: amqp_basic_properties_t) -> MessageProperties {
        var result = MessageProperties()
        let flags = Int32(truncatingIfNeeded: source._flags)
        func has(_ flag: Int32) -> Bool { flags & flag != 0 }
        if has(AMQP_BASIC_CONTENT_TYPE_FLAG) { result.contentType = contentTypes.string(source.content_type) }
        if has(AMQP_BASIC_CONTENT_ENCODING_FLAG) {
            result.contentEncoding = contentEncodings.string(source.content_encoding)
        }
        if has(AMQP_BASIC_HEADERS_FLAG) { result.headers = Self.table(source.headers) }
        if has(AMQP_BASIC_DELIVERY_MODE_FLAG) { result.deliveryMode = source.delivery_mode }
        if has(AMQP_BASIC_PRIORITY_FLAG) { result.priority = source.priority }
        let rest = flags & ~(AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG | AMQP_BASIC_HEADERS_FLAG
            | AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_PRIORITY_FLAG)
        guard rest != 0 else { return result }
        if has(AMQP_BASIC_CORRELATION_ID_FLAG) { result.correlationID = Self.string(source.correlation_id) }
        if has(AMQP_BASIC_REPLY_TO_FLAG) { result.replyTo = Self.string(source.reply_to) }
        if has(AMQP_BASIC_EXPIRATION_FLAG) { result.expiration = Self.string(source.expiration) }
        if has(AMQP_BASIC_MESSAGE_ID_FLAG) { result.messageID = Self.string(source.message_id) }
        if has(AMQP_BASIC_TIMESTAMP_FLAG) { result.timestamp = source.timestamp }
        if has(AMQP_BASIC_TYPE_FLAG) { result.type = Self.string(source.type) }
        if has(AMQP_BASIC_USER_ID_FLAG) { result.userID = Self.string(source.user_id) }
        if has(AMQP_BASIC_APP_ID_FLAG) { result.appID = Self.string(source.app_id) }
        return result
    }

    static func table(_ source: amqp_table_t) -> FieldTable {
        guard source.num_entries > 0, let entries = source.entries else { return [:] }
        var result: FieldTable = [:]
        for index in 0..<Int(source.num_entries) { result[string(entries[index].key)] = value(entries[index].value) }
        return result
    }

    private static func value(_ source: amqp_field_value_t) -> FieldValue {
        switch UInt32(source.kind) {
        case AMQP_FIELD_KIND_BOOLEAN.rawValue: .bool(source.value.boolean != 0)
        case AMQP_FIELD_KIND_I8.rawValue: .int(Int64(source.value.i8))
        case AMQP_FIELD_KIND_U8.rawValue: .int(Int64(source.value.u8))
        case AMQP_FIELD_KIND_I16.rawValue: .int(Int64(source.value.i16))
        case AMQP_FIELD_KIND_U16.rawValue: .int(Int64(source.value.u16))
        case AMQP_FIELD_KIND_I32.rawValue: .int(Int64(source.value.i32))
        case AMQP_FIELD_KIND_U32.rawValue: .int(Int64(source.value.u32))
        case AMQP_FIELD_KIND_I64.rawValue: .int(source.value.i64)
        case AMQP_FIELD_KIND_U64.rawValue: .unsigned(source.value.u64)
        case AMQP_FIELD_KIND_F32.rawValue: .double(Double(source.value.f32))
        case AMQP_FIELD_KIND_F64.rawValue: .double(source.value.f64)
        case AMQP_FIELD_KIND_DECIMAL.rawValue: .double(decimal(source.value.decimal))
        case AMQP_FIELD_KIND_UTF8.rawValue: .string(string(source.value.bytes))
        case AMQP_FIELD_KIND_BYTES.rawValue:
            .bytes(Array(UnsafeRawBufferPointer(start: source.value.bytes.bytes, count: source.value.bytes.len)))
        case AMQP_FIELD_KIND_TIMESTAMP.rawValue: .timestamp(source.value.u64)
        case AMQP_FIELD_KIND_TABLE.rawValue: .table(table(source.value.table))
        case AMQP_FIELD_KIND_ARRAY.rawValue: .array(array(source.value.array))
        default: .null
        }
    }

    private static func array(_ source: amqp_array_t) -> [FieldValue] {
        guard source.num_entries > 0, let entries = source.entries else { return [] }
        return (0..<Int(source.num_entries)).map { value(entries[$0]) }
    }

    private static func decimal(_ source: amqp_decimal_t) -> Double {
        (0..<source.decimals).reduce(Double(source.value)) { value, _ in value / 10 }
    }
}
