// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// A local disk of a guest, as block migration needs to know it.
public struct GuestDisk: Sendable, Hashable {
    /// `qcow2`, `raw`.
    public let format: String
    /// The file on the source.
    public let path: String
    /// As the guest sees it.
    public let virtualSize: ByteCount
    /// What it takes on the host.
    public let size: ByteCount
    /// The name of the image's file below it; nil for none.
    public let backingFile: String?

    public init(format: String, path: String, virtualSize: ByteCount, size: ByteCount, backingFile: String?) {
        self.format = format
        self.path = path
        self.virtualSize = virtualSize
        self.size = size
        self.backingFile = backingFile
    }
}

extension GuestDisk {
    /// Nova's element of `disk_info`, sizes in bytes.
    public var json: JSONValue {
        [
            "type": .string(format), "path": .string(path), "virt_disk_size": .number(JSONNumber(virtualSize.bytes)),
            "backing_file": .string(backingFile ?? ""), "disk_size": .number(JSONNumber(size.bytes)),
        ]
    }
}
