// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeManager
import ComputeModel
import Foundation
import Testing

@testable import ComputeService

@Suite("Volumes that are files of the host", .timeLimit(.minutes(1)))
struct LocalVolumesTests {
    private static let volume = "1d0f5a8e-3b63-4c1c-8d55-1f6c1d1a00aa"
    private let context = RequestContext(fields: JSONObject())
    private let connector = VolumeConnector(ip: "192.0.2.1", initiator: nil, host: "one")

    private func with(_ body: (LocalVolumes, URL) async throws -> Void) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "volumes-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        try Data([1]).write(to: directory.appending(path: Self.volume))
        try await body(LocalVolumes(directory: directory.path), directory)
    }

    private func instance(_ last: Int) throws -> Instance {
        try Instance(fields: ["uuid": .string("0a0a0a0a-0000-4000-8000-00000000000\(last)")])
    }

    private func kind(_ body: () async throws -> Void) async -> ComputeFault.Kind? {
        do {
            try await body()
            return nil
        } catch { return (error as? ComputeFault)?.kind }
    }

    @Test("a volume is found by its uuid, in whatever spelling, and told with its path and form")
    func connection() async throws {
        try await with { volumes, directory in
            for id in [Self.volume, Self.volume.uppercased()] {
                let connection = try await volumes.initializeConnection(
                    id, for: instance(1).id, connector: connector, context: context)
                #expect(
                    connection.reveal() == [
                        "driver_volume_type": "local",
                        "data": [
                            "device_path": .string(directory.appending(path: Self.volume).path), "format": "raw",
                        ],
                    ])
            }
        }
    }

    @Test(
        "an id that is no uuid names no file, whatever path it spells",
        arguments: [
            "", ".", "..", "../\(Self.volume)", "/etc/passwd", "\(Self.volume).attached", "\(Self.volume)/../x",
            "1d0f5a8e-3b63-4c1c-8d55-1f6c1d1a00ab",
        ])
    func names(_ id: String) async throws {
        try await with { volumes, directory in
            try Data([1]).write(to: directory.appending(path: "\(Self.volume).attached"))
            let instance = try instance(1)
            #expect(
                await kind {
                    _ = try await volumes.initializeConnection(
                        id, for: instance.id, connector: connector, context: context)
                } == .volumeNotFound)
            #expect(
                await kind {
                    try await volumes.attach(id, to: instance, deviceName: "/dev/vdb", context: context)
                } == .volumeNotFound)
            _ = await kind { try await volumes.detach(id, from: instance.id, context: context) }
            _ = await kind { try await volumes.delete(id, context: context) }
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).count == 2)
        }
    }

    @Test("it belongs to one instance at a time, and is deleted only when it is nobody's")
    func attachment() async throws {
        try await with { volumes, directory in
            let (first, second) = (try instance(1), try instance(2))
            try await volumes.attach(Self.volume, to: first, deviceName: "/dev/vdb", context: context)
            try await volumes.attach(Self.volume, to: first, deviceName: "/dev/vdb", context: context)
            #expect(
                await kind {
                    try await volumes.attach(Self.volume, to: second, deviceName: "/dev/vdb", context: context)
                } == .invalid)
            #expect(await kind { try await volumes.delete(Self.volume, context: context) } == .invalid)
            try await volumes.detach(Self.volume, from: second.id, context: context)
            #expect(
                await kind {
                    try await volumes.attach(Self.volume, to: second, deviceName: "/dev/vdb", context: context)
                } == .invalid)
            try await volumes.detach(Self.volume, from: first.id, context: context)
            try await volumes.detach(Self.volume, from: first.id, context: context)
            try await volumes.attach(Self.volume, to: second, deviceName: "/dev/vdb", context: context)
            try await volumes.detach(Self.volume, from: second.id, context: context)
            try await volumes.delete(Self.volume, context: context)
            try await volumes.delete(Self.volume, context: context)
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).isEmpty)
        }
    }

    @Test("what one instance has or is about to have is not connected for another, whose way back takes nothing from it")
    func connectionForAnother() async throws {
        try await with { volumes, directory in
            let (first, second) = (try instance(1), try instance(2))
            func connect(_ instance: Instance) async -> ComputeFault.Kind? {
                await kind {
                    _ = try await volumes.initializeConnection(
                        Self.volume, for: instance.id, connector: connector, context: context)
                }
            }
            func disconnect(_ instance: Instance) async throws {
                try await volumes.terminateConnection(
                    Self.volume, of: instance.id, connector: connector, context: context)
            }
            #expect(await connect(first) == nil)
            #expect(await connect(second) == .invalid)
            try await disconnect(second)
            #expect(await connect(second) == .invalid)
            // Given back before it was attached, it is the next one's.
            try await disconnect(first)
            #expect(await connect(second) == nil)
            try await volumes.attach(Self.volume, to: second, deviceName: "/dev/vdb", context: context)
            #expect(await connect(first) == .invalid)
            // Another host of the same instance connects to it and disconnects from it.
            #expect(await connect(second) == nil)
            try await disconnect(second)
            #expect(await connect(first) == .invalid)
            try await volumes.detach(Self.volume, from: second.id, context: context)
            #expect(await connect(first) == nil)
            try await disconnect(first)
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == [Self.volume])
        }
    }

    @Test("a directory of a volume's name is no volume")
    func directory() async throws {
        try await with { volumes, directory in
            let id = "1d0f5a8e-3b63-4c1c-8d55-1f6c1d1a00ac"
            try FileManager.default.createDirectory(
                at: directory.appending(path: id), withIntermediateDirectories: false)
            #expect(
                await kind {
                    _ = try await volumes.initializeConnection(
                    id, for: instance(1).id, connector: connector, context: context)
                } == .volumeNotFound)
            try await volumes.delete(id, context: context)
            #expect(FileManager.default.fileExists(atPath: directory.appending(path: id).path))
        }
    }
}
