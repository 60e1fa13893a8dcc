// SPDX-License-Identifier: Apache-2.0

/// Formats that a file said to be raw must not begin with: something later might probe it and believe the file.
enum ForeignFormat: String, CaseIterable, Sendable {
    case qcow2
    case qed
    case vmdk
    case vdi
    case vhdx
    case vhd
    case luks

    /// How much of a file ``found(in:)`` wants to see.
    static let wantedBytes = 512

    private var magics: [(offset: Int, bytes: [UInt8])] {
        switch self {
        case .qcow2: [(0, [0x51, 0x46, 0x49, 0xFB])]
        case .qed: [(0, Array("QED\0".utf8))]
        case .vmdk: [(0, Array("KDMV".utf8)), (0, Array("COWD".utf8)), (0, Array("# Disk DescriptorFile".utf8))]
        case .vdi: [(0x40, [0x7F, 0x10, 0xDA, 0xBE])]
        case .vhdx: [(0, Array("vhdxfile".utf8))]
        case .vhd: [(0, Array("conectix".utf8))]
        case .luks: [(0, [0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE])]
        }
    }

    /// The format that the beginning of a file belongs to; nil for what may be a raw disk.
    static func found(in head: [UInt8]) -> ForeignFormat? {
        allCases.first { format in
            format.magics.contains { offset, bytes in
                head.count >= offset + bytes.count && head[offset..<offset + bytes.count].elementsEqual(bytes)
            }
        }
    }
}
