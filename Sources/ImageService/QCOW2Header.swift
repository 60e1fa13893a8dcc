// SPDX-License-Identifier: Apache-2.0

/// What the first bytes of a qcow2 file say, read by our own eyes: no program that could follow a name in an image is
/// ever started on one that was not looked at here.
///
/// Source: QEMU, docs/interop/qcow2.txt.
struct QCOW2Header: Sendable, Hashable {
    /// Why a qcow2 file is refused.
    enum Refusal: Error, Sendable, Hashable, CustomStringConvertible {
        case notQCOW2
        case truncated
        case unknownVersion(UInt32)
        case backingFile
        case externalDataFile
        case encrypted
        case unknownFeatures(UInt64)
        case implausible(String)

        var description: String {
            switch self {
            case .notQCOW2: "it does not begin like a qcow2 file"
            case .truncated: "its header is cut off"
            case .unknownVersion(let version): "it is qcow2 of version \(version), where 2 and 3 are known"
            case .backingFile: "it names a backing file"
            case .externalDataFile: "it names an external data file"
            case .encrypted: "it is encrypted"
            case .unknownFeatures(let bits): "it needs features that are unknown here (\(String(bits, radix: 16)))"
            case .implausible(let what): "its header is implausible: \(what)"
            }
        }
    }

    static let magic: [UInt8] = [0x51, 0x46, 0x49, 0xFB]
    /// How much of a file ``init(_:)`` wants to see, or all of a shorter file.
    static let wantedBytes = 4096

    private static let dirty: UInt64 = 1 << 0
    private static let corrupt: UInt64 = 1 << 1
    private static let dataFile: UInt64 = 1 << 2
    private static let compressionType: UInt64 = 1 << 3
    private static let extendedL2: UInt64 = 1 << 4
    private static let dataFileNameExtension: UInt32 = 0x4441_5441
    private static let backingFormatExtension: UInt32 = 0xE279_2ACA
    private static let encryptionExtension: UInt32 = 0x0537_BE77

    /// The size of the disk in bytes.
    let virtualSize: Int64

    /// Reads a header and refuses everything that reaches beyond the file itself.
    init(_ bytes: [UInt8]) throws(Refusal) {
        guard bytes.starts(with: Self.magic) else { throw .notQCOW2 }
        guard bytes.count >= 72 else { throw .truncated }
        func big32(_ offset: Int) -> UInt32 { bytes[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) } }
        func big64(_ offset: Int) -> UInt64 { bytes[offset..<offset + 8].reduce(0) { $0 << 8 | UInt64($1) } }

        let version = big32(4)
        guard version == 2 || version == 3 else { throw .unknownVersion(version) }
        guard big64(8) == 0, big32(16) == 0 else { throw .backingFile }
        guard (9...21).contains(big32(20)) else { throw .implausible("clusters of 2^\(big32(20)) bytes") }
        guard big32(32) == 0 else { throw .encrypted }
        let size = big64(24)
        guard size > 0, size <= 1 << 56 else { throw .implausible("a disk of \(size) bytes") }
        virtualSize = Int64(size)

        guard version == 3 else {
            try Self.inspectExtensions(from: 72, in: bytes.count, word: big32)
            return
        }
        guard bytes.count >= 104 else { throw .truncated }
        let features = big64(72)
        if features & Self.dataFile != 0 { throw .externalDataFile }
        let known = Self.dirty | Self.compressionType | Self.extendedL2
        if features & Self.corrupt != 0 { throw .implausible("it is marked as corrupt") }
        guard features & ~known == 0 else { throw .unknownFeatures(features & ~known) }
        let length = Int(big32(100))
        guard length >= 104, length % 8 == 0, length <= 1 << 16 else {
            throw .implausible("a header of \(length) bytes")
        }
        try Self.inspectExtensions(from: length, in: bytes.count, word: big32)
    }

    /// Walks the header extensions: a type, a length, the data, padded to 8 bytes.
    private static func inspectExtensions(
        from start: Int, in count: Int, word: (Int) -> UInt32
    ) throws(Refusal) {
        var offset = start
        while offset + 8 <= count {
            let type = word(offset)
            let length = Int(word(offset + 4))
            switch type {
            case 0: return
            case dataFileNameExtension: throw .externalDataFile
            case backingFormatExtension: throw .backingFile
            case encryptionExtension: throw .encrypted
            default: break
            }
            offset += 8 + (length + 7) / 8 * 8
        }
        throw .truncated
    }
}
