// SPDX-License-Identifier: Apache-2.0

/// Formats that a file said to be raw must not begin with: something later might probe it and believe the file.
enum ForeignFormat: String, Sendable {
    case qcow2
    case qed
    case vmdk
    case vdi
    case vhdx
    case vhd
    case luks

    /// How much of a file ``found(in:)`` wants to see.
    static let wantedBytes = 512

    private static let magics: [(format: ForeignFormat, offset: Int, bytes: [UInt8])] = [
        (.qcow2, 0, [0x51, 0x46, 0x49, 0xFB]),
        (.qed, 0, Array("QED\0".utf8)),
        (.vmdk, 0, Array("KDMV".utf8)),
        (.vmdk, 0, Array("COWD".utf8)),
        (.vmdk, 0, Array("# Disk DescriptorFile".utf8)),
        (.vdi, 0x40, [0x7F, 0x10, 0xDA, 0xBE]),
        (.vhdx, 0, Array("vhdxfile".utf8)),
        (.vhd, 0, Array("conectix".utf8)),
        (.luks, 0, [0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE]),
    ]

    /// The format that the beginning of a file belongs to; nil for what may be a raw disk.
    static func found(in head: [UInt8]) -> ForeignFormat? {
        magics.first { _, offset, bytes in
            head.count >= offset + bytes.count && head[offset..<offset + bytes.count].elementsEqual(bytes)
        }?.format
    }
}
