// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import ImageService
import Testing

@Suite("The local image directory", .timeLimit(.minutes(1)))
struct LocalImageDirectoryTests {
    private let fixture: ImageDirectoryFixture

    init() throws { fixture = try ImageDirectoryFixture() }

    private func load(_ id: String, kernel: String? = nil) async throws -> LocalImage {
        try await fixture.service.image(id, kernelID: kernel, ramdiskID: nil)
    }

    private func fault(_ id: String) async -> ComputeFault? {
        do {
            _ = try await load(id)
            return nil
        } catch {
            return error as? ComputeFault
        }
    }

    /// Puts a file that is said to be qcow2 and says why it is refused; nil if it is not.
    private func refusal(_ header: QCOW2Bytes) async throws -> String? {
        try fixture.put("disk", header.bytes)
        try fixture.put("disk.json", #"{"disk_format": "qcow2"}"#)
        let fault = await fault("disk")
        if let fault { #expect(fault.kind == .imageUnacceptable) }
        return fault?.message
    }

    @Test("A raw image has its file's size and its metadata")
    func raw() async throws {
        try fixture.put("cirros", [UInt8](repeating: 7, count: 3000))
        try fixture.put(
            "cirros.json",
            #"{"id": "cirros", "name": "CirrOS", "disk_format": "raw", "size": 3000, "min_disk": 1, "min_ram": 64}"#)
        let image = try await load("cirros")
        #expect(image.virtualSize == 3000)
        #expect(image.path == fixture.path + "/cirros")
        #expect(image.metadata.name == "CirrOS")
        #expect(image.metadata.minDiskGiB == 1)
        #expect(image.metadata.minRAMMiB == 64)
        #expect(image.kernelPath == nil)
    }

    @Test("A qcow2 image has the size that its header says, in both versions", arguments: [UInt32(2), 3])
    func qcow2(_ version: UInt32) async throws {
        #expect(try await refusal(QCOW2Bytes(version: version, size: 5 << 30)) == nil)
        #expect(try await load("disk").virtualSize == 5 << 30)
    }

    @Test("Kernel and RAM disk come from the same directory, named by v2's keys or by v1's")
    func kernel() async throws {
        try fixture.put("disk", [1, 2, 3])
        try fixture.put("k1", [1])
        try fixture.put("r1", [2])
        try fixture.put("k2", [3])
        try fixture.put("disk.json", #"{"disk_format": "ami", "kernel_id": "k1", "properties": {"ramdisk_id": "r1"}}"#)
        let image = try await load("disk")
        #expect(image.kernelPath == fixture.path + "/k1")
        #expect(image.ramdiskPath == fixture.path + "/r1")
        #expect(try await load("disk", kernel: "k2").kernelPath == fixture.path + "/k2")
    }

    @Test("A kernel that is missing, empty or named by a path is refused")
    func badKernel() async throws {
        try fixture.put("disk", [1])
        try fixture.put("empty", [])
        for (kernel, kind) in [
            ("none", ComputeFault.Kind.imageNotFound), ("empty", .imageUnacceptable), ("../disk", .imageUnacceptable),
        ] {
            try fixture.put("disk.json", #"{"disk_format": "ami", "kernel_id": "\#(kernel)"}"#)
            #expect(await fault("disk")?.kind == kind)
        }
    }

    @Test("What is not here is not found", arguments: ["none", "70a599e0-31e7-49b7-b260-868f441e862b"])
    func notFound(_ id: String) async throws {
        let fault = await fault(id)
        #expect(fault?.kind == .imageNotFound)
        #expect(fault?.arguments["image_id"] == .string(id))
        try fixture.put("\(id).json", #"{"disk_format": "raw"}"#)
        #expect(await self.fault(id)?.kind == .imageNotFound)
    }

    @Test(
        "An id that could name another file is refused",
        arguments: ["../etc/passwd", "/etc/passwd", "a/b", "", ".", "..", ".hidden", "a\0b", "disk.json", "a b", "ü"])
    func badID(_ id: String) async throws {
        try fixture.put("disk.json", #"{"disk_format": "raw"}"#)
        let fault = try #require(await fault(id))
        #expect(fault.kind == .imageUnacceptable)
        #expect(!fault.message.contains(fixture.path))
    }

    @Test(
        "The format is mandatory, known, and never guessed",
        arguments: [
            #"{}"#, #"{"disk_format": null}"#, #"{"disk_format": ""}"#, #"{"disk_format": 1}"#,
            #"{"disk_format": "vmdk"}"#,
            #"[]"#, #"{"disk_format": "raw""#, #"{"disk_format": "raw", "min_disk": -1}"#,
            #"{"disk_format": "raw", "id": "another"}"#, #"{"disk_format": "raw", "name": 5}"#,
        ])
    func badMetadata(_ json: String) async throws {
        try fixture.put("disk", QCOW2Bytes().bytes)
        try fixture.put("disk.json", json)
        #expect(await fault("disk")?.kind == .imageUnacceptable)
    }

    @Test(
        "A file said to be raw that begins like another format is refused",
        arguments: [
            [UInt8](QCOW2Bytes().bytes), Array("KDMV".utf8), Array("# Disk DescriptorFile\n".utf8), Array("COWD".utf8),
            Array("QED\0".utf8), Array("vhdxfile".utf8), Array("conectix".utf8), [0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE],
            [UInt8](repeating: 0, count: 0x40) + [0x7F, 0x10, 0xDA, 0xBE],
        ])
    func disguised(_ head: [UInt8]) async throws {
        try fixture.put("disk", head + [UInt8](repeating: 0, count: 1024))
        try fixture.put("disk.json", #"{"disk_format": "raw"}"#)
        #expect(await fault("disk")?.kind == .imageUnacceptable)
    }

    @Test("A symbolic link and a directory are not images")
    func notAFile() async throws {
        try fixture.put("disk.json", #"{"disk_format": "raw"}"#)
        try fixture.link("disk", to: "/etc/hostname")
        #expect(await fault("disk")?.kind == .imageUnacceptable)
        try fixture.put("real", [1])
        try fixture.link("real.json", to: "disk.json")
        #expect(await fault("real")?.kind == .imageUnacceptable)
    }

    @Test("A qcow2 that names another file is refused before any program sees it")
    func reachesOut() async throws {
        #expect(try await refusal(QCOW2Bytes(backingOffset: 512, backingSize: 11))?.contains("backing file") == true)
        #expect(try await refusal(QCOW2Bytes(version: 2, backingOffset: 512))?.contains("backing file") == true)
        #expect(try await refusal(QCOW2Bytes(incompatibleFeatures: 4))?.contains("data file") == true)
        let named = QCOW2Bytes(extensions: [(0x4441_5441, Array("/etc/passwd".utf8))])
        #expect(try await refusal(named)?.contains("data file") == true)
        let hidden = QCOW2Bytes(extensions: [(0x6803_F857, [1, 2, 3]), (0x4441_5441, Array("/etc/shadow".utf8))])
        #expect(try await refusal(hidden)?.contains("data file") == true)
        let format = QCOW2Bytes(version: 2, extensions: [(0xE279_2ACA, Array("raw".utf8))])
        #expect(try await refusal(format)?.contains("backing file") == true)
    }

    @Test("A qcow2 that is encrypted, corrupt, implausible or of an unknown kind is refused")
    func unknown() async throws {
        #expect(try await refusal(QCOW2Bytes(cryptMethod: 2))?.contains("encrypted") == true)
        #expect(
            try await refusal(QCOW2Bytes(extensions: [(0x0537_BE77, [UInt8](repeating: 0, count: 16))]))?.contains(
                "encrypted") == true)
        #expect(try await refusal(QCOW2Bytes(version: 4))?.contains("version 4") == true)
        #expect(try await refusal(QCOW2Bytes(incompatibleFeatures: 1 << 40))?.contains("features") == true)
        #expect(try await refusal(QCOW2Bytes(incompatibleFeatures: 2))?.contains("corrupt") == true)
        #expect(try await refusal(QCOW2Bytes(clusterBits: 63)) != nil)
        #expect(try await refusal(QCOW2Bytes(size: 0)) != nil)
        #expect(try await refusal(QCOW2Bytes(size: .max)) != nil)
        #expect(try await refusal(QCOW2Bytes(headerLength: 8)) != nil)
        let endless = QCOW2Bytes(extensions: [(0x6803_F857, [UInt8](repeating: 1, count: 8192))])
        #expect(try await refusal(endless)?.contains("cut off") == true)
        try fixture.put("disk", Array(QCOW2Bytes().bytes[..<50]))
        #expect(await fault("disk")?.message.contains("cut off") == true)
    }

    @Test("The features that change nothing about whom a file trusts are fine")
    func knownFeatures() async throws {
        #expect(try await refusal(QCOW2Bytes(incompatibleFeatures: 1 | 8 | 16)) == nil)
        #expect(try await refusal(QCOW2Bytes(extensions: [(0x6803_F857, [UInt8](repeating: 0, count: 48))])) == nil)
    }
}
