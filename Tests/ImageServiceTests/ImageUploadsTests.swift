// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import ImageService
import Testing

@Suite("Images that are made on this host", .timeLimit(.minutes(1)))
struct ImageUploadsTests {
    private let fixture: ImageDirectoryFixture
    private static let time = Timestamp(year: 2026, month: 11, day: 23)

    init() throws { fixture = try ImageDirectoryFixture() }

    private var files: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: fixture.path).sorted() }
    }

    private func write(_ text: String, to path: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    private func upload(_ id: String, _ fields: JSONObject = JSONObject(), at time: Timestamp = time) async throws {
        try write("disk of \(id)", to: try await fixture.service.begin(id))
        var fields = fields
        fields["disk_format"] = "raw"
        try await fixture.service.publish(id, fields, at: time)
    }

    private func fault(_ body: () async throws -> Void) async -> ComputeFault? {
        do {
            try await body()
            return nil
        } catch {
            return error as? ComputeFault
        }
    }

    @Test("An image is nowhere while it is made, and whole when it is listed")
    func published() async throws {
        let path = try await fixture.service.begin("new")
        try write("disk", to: path)
        #expect(try await fixture.service.metadata(of: "new") == nil)
        #expect(await fault { _ = try await fixture.service.image("new", kernelID: nil, ramdiskID: nil) } != nil)
        try await fixture.service.publish("new", ["disk_format": "raw", "name": "n"], at: Self.time)
        #expect(try files == ["new", "new.json"])
        let image = try await fixture.service.image("new", kernelID: nil, ramdiskID: nil)
        #expect(image.metadata.name == "n")
        #expect(image.metadata.size == 4)
        #expect(image.metadata.fields["created_at"] == .string(Self.time.iso))
        #expect(image.virtualSize == 4)
    }

    @Test("A directory that is not there is made for the first image; one that can't be is named by its option")
    func noDirectory() async throws {
        let path = fixture.path + "/images"
        _ = try await LocalImageDirectory(path: path).begin("new")
        #expect(try files == ["images"])
        try fixture.put("file", "no directory")
        for missing in ["\(path)/not/there", "\(fixture.path)/file"] {
            let fault = await fault { _ = try await LocalImageDirectory(path: missing).begin("new") }
            #expect(fault?.kind == .unavailable, "\(missing)")
            #expect(fault?.message.contains("image_directory") == true, "\(missing)")
        }
    }

    @Test("A name that is taken is refused and its image left as it is", arguments: ["old", "old.json"])
    func taken(_ file: String) async throws {
        try fixture.put(file, "{}")
        #expect(await fault { _ = try await fixture.service.begin("old") }?.kind == .imageUnacceptable)
        #expect(try files == [file])
    }

    @Test("A name that is taken meanwhile is not overwritten")
    func takenMeanwhile() async throws {
        try write("mine", to: try await fixture.service.begin("new"))
        try fixture.put("new", "another's")
        let fault = await fault {
            try await fixture.service.publish("new", ["disk_format": "raw"], at: Self.time)
        }
        #expect(fault?.kind == .imageUnacceptable)
        try await fixture.service.discard("new")
        #expect(try files == ["new"])
        #expect(try Data(contentsOf: URL(fileURLWithPath: fixture.path + "/new")) == Data("another's".utf8))
    }

    @Test("What is given up leaves nothing, however far it came")
    func discarded() async throws {
        try write("half", to: try await fixture.service.begin("new"))
        try await fixture.service.discard("new")
        #expect(try files.isEmpty)
        // Cut off between the two links: the file has its name, and nobody lists it.
        let path = try await fixture.service.begin("new")
        try write("whole", to: path)
        try FileManager.default.linkItem(atPath: path, toPath: fixture.path + "/new")
        try fixture.put(".new.json.part", "{")
        #expect(try await fixture.service.begin("new") == path)
        #expect(try files.isEmpty)
        try await fixture.service.discard("new")
    }

    @Test("An image that is listed outlasts what is given up after it")
    func discardAfterPublish() async throws {
        try await upload("new")
        try await fixture.service.discard("new")
        #expect(try files == ["new", "new.json"])
    }

    @Test("A file that is not what its format says is not listed", arguments: ["qcow2", "vmdk"])
    func wrongFormat(_ format: String) async throws {
        try write("no such disk", to: try await fixture.service.begin("new"))
        let fault = await fault {
            try await fixture.service.publish("new", ["disk_format": .string(format)], at: Self.time)
        }
        #expect(fault?.kind == .imageUnacceptable)
        #expect(try await fixture.service.metadata(of: "new") == nil)
    }

    @Test("Images are found by what their metadata say, the oldest first, those of one moment by their ids")
    func found() async throws {
        let later = Self.time.advanced(bySeconds: 60)
        try await upload("c", ["kind": "x"], at: Self.time)
        try await upload("b", ["kind": "x"], at: later)
        try await upload("a", ["kind": "x"], at: later)
        try await upload("d", ["kind": "y"])
        try fixture.put("broken.json", "{")
        #expect(try await fixture.service.images(having: ["kind": "x"]).map(\.id) == ["c", "a", "b"])
        #expect(try await fixture.service.images(having: ["kind": "z"]).isEmpty)
    }

    @Test("An image that is removed is gone with its metadata; once more is success")
    func deleted() async throws {
        try await upload("new")
        try await fixture.service.delete("new")
        try await fixture.service.delete("new")
        #expect(try files.isEmpty)
    }

    @Test("What could name a file outside is no image", arguments: ["../x", ".hidden", "a/b", "x.json", ""])
    func names(_ id: String) async throws {
        #expect(await fault { _ = try await fixture.service.begin(id) }?.kind == .imageUnacceptable)
        #expect(await fault { try await fixture.service.delete(id) }?.kind == .imageUnacceptable)
    }
}
