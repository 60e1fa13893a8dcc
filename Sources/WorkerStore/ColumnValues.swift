// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import FoundationEssentials
internal import GRDB

extension UniqueBits {
    /// The 16 bytes, high byte first.
    var blob: Data {
        var data = Data(capacity: 16)
        withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { data.append(contentsOf: $0) }
        return data
    }

    init?(blob: Data) {
        guard blob.count == 16 else { return nil }
        self = blob.withUnsafeBytes { bytes in
            UniqueBits(
                high: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
                low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }

    /// Reads exactly 32 lower-case hexadecimal digits; nil for anything else, which is then no number but a text.
    init?(lowerHex text: String) {
        guard text.utf8.count == 32 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        var position = 0
        for byte in text.utf8 {
            let digit: UInt64
            switch byte {
            case 0x30...0x39: digit = UInt64(byte - 0x30)
            case 0x61...0x66: digit = UInt64(byte - 0x61 + 10)
            default: return nil
            }
            if position < 16 { high = high << 4 | digit } else { low = low << 4 | digit }
            position += 1
        }
        self.init(high: high, low: low)
    }
}

extension ReplyAddress {
    /// One line of text: `m <message id>` or `q <heartbeat or -> <message id> <queue>`.
    var column: String {
        switch self {
        case .messageID(let id): "m \(id)"
        case .replyQueue(let name, let messageID, let heartbeat):
            "q \(heartbeat.map { String($0) } ?? "-") \(messageID) \(name)"
        }
    }

    init?(column: String) {
        let parts = column.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
        switch (parts.first, parts.count) {
        case ("m", 2...): self = .messageID(String(column.dropFirst(2)))
        case ("q", 4):
            self = .replyQueue(name: String(parts[3]), messageID: String(parts[2]), heartbeat: Int(parts[1]))
        default: return nil
        }
    }
}

extension WireForm {
    var column: Int { self == .flat ? 0 : 1 }

    init(column: Int) { self = column == 0 ? .flat : .enveloped }
}

extension Array where Element == UInt8 {
    /// Hands `body` these bytes as a blob without copying them; the blob must not outlive the call.
    func withBlob<Value>(_ body: (DatabaseValue) throws -> Value) rethrows -> Value {
        try withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress, bytes.count > 0 else { return try body(Data().databaseValue) }
            let data = Data(
                bytesNoCopy: UnsafeMutableRawPointer(mutating: start), count: bytes.count, deallocator: .none)
            return try body(data.databaseValue)
        }
    }
}

extension Row {
    /// The bytes of a blob column; nil where it is NULL.
    func bytes(_ index: Int) throws -> [UInt8]? { try withUnsafeData(atIndex: index) { $0.map { [UInt8]($0) } } }

    func instanceID(_ index: Int) throws -> InstanceID? {
        try withUnsafeData(atIndex: index) { $0.flatMap { UniqueBits(blob: $0) }.map { InstanceID(bits: $0) } }
    }

    func timestamp(_ index: Int) -> Timestamp { Timestamp(microseconds: int64(index) ?? 0) }
}
