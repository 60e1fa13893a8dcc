// SPDX-License-Identifier: Apache-2.0

import Foundation
import ImageService

/// A directory of images that goes away with the test.
final class ImageDirectoryFixture {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("images-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var service: LocalImageDirectory { LocalImageDirectory(path: path) }

    func put(_ name: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    }

    func put(_ name: String, _ text: String) throws { try put(name, Array(text.utf8)) }

    func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: "\(path)/\(name)", withDestinationPath: target)
    }
}

/// The header of a qcow2 file, field by field, for tests that bend one of them.
struct QCOW2Bytes {
    var version: UInt32 = 3
    var backingOffset: UInt64 = 0
    var backingSize: UInt32 = 0
    var clusterBits: UInt32 = 16
    var size: UInt64 = 1 << 30
    var cryptMethod: UInt32 = 0
    var incompatibleFeatures: UInt64 = 0
    var headerLength: UInt32 = 104
    var extensions: [(type: UInt32, data: [UInt8])] = []
    var padding = 4096

    var bytes: [UInt8] {
        var bytes: [UInt8] = [0x51, 0x46, 0x49, 0xFB]
        func append(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.bigEndian) { bytes += $0 }
        }
        append(version)
        append(backingOffset)
        append(backingSize)
        append(clusterBits)
        append(size)
        append(cryptMethod)
        append(UInt32(1))
        append(UInt64(0x30000))
        append(UInt64(0x10000))
        append(UInt32(1))
        append(UInt32(0))
        append(UInt64(0))
        if version == 3 {
            append(incompatibleFeatures)
            append(UInt64(0))
            append(UInt64(0))
            append(UInt32(4))
            append(headerLength)
        }
        for (type, data) in extensions {
            append(type)
            append(UInt32(data.count))
            bytes += data + [UInt8](repeating: 0, count: (8 - data.count % 8) % 8)
        }
        return bytes + [UInt8](repeating: 0, count: max(0, padding - bytes.count))
    }
}
