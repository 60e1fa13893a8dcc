// SPDX-License-Identifier: Apache-2.0

/// What the image service knows of an image, with Glance v2's keys.
public struct ImageMetadata: Sendable, Hashable {
    /// The image's id, as instances name it in `image_ref`.
    public let id: String
    /// The name for people.
    public let name: String
    /// The format of the file. Mandatory and never probed: what a file claims to be is the attacker's choice.
    public let diskFormat: String
    /// The size of the file in bytes, where known.
    public let size: Int64?
    /// The smallest root disk in GiB that the image wants.
    public let minDiskGiB: Int
    /// The least memory in MiB that the image wants.
    public let minRAMMiB: Int
    /// The image that holds the kernel to boot, where the image is not bootable by itself.
    public let kernelID: String?
    /// The image that holds the initial RAM disk for that kernel.
    public let ramdiskID: String?
    /// All keys as found.
    public let fields: JSONObject

    public init(
        id: String, name: String, diskFormat: String, size: Int64? = nil, minDiskGiB: Int = 0, minRAMMiB: Int = 0,
        kernelID: String? = nil, ramdiskID: String? = nil, fields: JSONObject = JSONObject()
    ) {
        self.id = id
        self.name = name
        self.diskFormat = diskFormat
        self.size = size
        self.minDiskGiB = minDiskGiB
        self.minRAMMiB = minRAMMiB
        self.kernelID = kernelID
        self.ramdiskID = ramdiskID
        self.fields = fields
    }
}

/// An image whose files are on this host, ready to be used as they are and never to be written to.
public struct LocalImage: Sendable, Hashable {
    public let metadata: ImageMetadata
    /// The absolute path of the disk.
    public let path: String
    /// The size of the disk that the image holds, in bytes (not of the file).
    public let virtualSize: Int64
    /// The absolute paths of kernel and RAM disk, where the image is booted with them.
    public let kernelPath: String?
    public let ramdiskPath: String?

    public init(
        metadata: ImageMetadata, path: String, virtualSize: Int64, kernelPath: String? = nil, ramdiskPath: String? = nil
    ) {
        self.metadata = metadata
        self.path = path
        self.virtualSize = virtualSize
        self.kernelPath = kernelPath
        self.ramdiskPath = ramdiskPath
    }
}
