// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import Foundation
import LibvirtDriver
import Logging
import TestSupport
import Testing

/// Instances, images and drivers for the tests.
enum Guests {
    static let uuid = "f53be0a8-2c05-413b-b16b-7b044ffa6469"

    static func instance(_ fields: JSONObject = [:], uuid: String = uuid, number: Int = 42) throws -> Instance {
        var all: JSONObject = [
            "id": .number(JSONNumber(number)), "uuid": .string(uuid), "memory_mb": 16, "vcpus": 1, "root_gb": 0,
            "display_name": "web-1", "image_ref": "boot-sector",
        ]
        for member in fields.members { all[member.key] = member.value }
        return try Instance(fields: all)
    }

    static func newInstance(_ fields: JSONObject = [:]) throws -> Instance {
        let number = Int.random(in: 1...Int(Int32.max))
        return try instance(fields, uuid: UUID().uuidString.lowercased(), number: number)
    }

    static func image(_ server: LibvirtServer, format: String = "raw") async throws -> LocalImage {
        LocalImage(
            metadata: ImageMetadata(id: "boot-sector", name: "boot-sector", diskFormat: format),
            path: try await server.bootSectorImage().path, virtualSize: 1 << 20)
    }

    static func request(_ instance: Instance, _ server: LibvirtServer) async throws -> SpawnRequest {
        SpawnRequest(instance: instance, image: try await image(server))
    }

    static func configuration(_ server: LibvirtServer) -> LibvirtDriverConfiguration {
        LibvirtDriverConfiguration(
            uri: server.uri, virtType: .qemu, instancesPath: server.directory.appending(path: "instances").path,
            softRebootWait: .seconds(1), undoWait: .seconds(5))
    }

    static let quiet: Logger = {
        var logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        logger.logLevel = .debug
        return logger
    }()

    /// Runs `body` with a driver that keeps its connection.
    static func withDriver(
        _ configuration: LibvirtDriverConfiguration, logger: Logger = quiet,
        _ body: (LibvirtDriver) async throws -> Void
    ) async throws {
        try await withDriver(LibvirtDriver(configuration: configuration, logger: logger), body)
    }

    static func withDriver(_ driver: LibvirtDriver, _ body: (LibvirtDriver) async throws -> Void) async throws {
        try await driver.start()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await driver.run() }
            defer { group.cancelAll() }
            return try await body(driver)
        }
    }

    /// What virsh says of a job that works on a guest's disk; nil where there is none.
    static func blockJob(of instance: Instance, _ disk: String, _ server: LibvirtServer) async throws -> String? {
        // Without --raw it tells a job on its standard error only.
        let told = try await server.virsh("blockjob", instance.id.description, disk, "--info", "--raw")
        return told.contains(/\S/) ? told : nil
    }

    /// Runs `body` with a libvirtd of its own and a driver on it.
    static func withDriver(
        _ body: (LibvirtDriver, LibvirtServer) async throws -> Void
    ) async throws {
        try await LibvirtServer.withServer { server async throws in
            try await withDriver(configuration(server)) { driver async throws in try await body(driver, server) }
        }
    }
}

/// Waits for a fact that only a poll can show, such as what an outside process wrote to a file.
func eventually(within limit: Duration = .seconds(30), _ fact: () async throws -> Bool) async throws -> Bool {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
        if try await fact() { return true }
        try await Task.sleep(for: .milliseconds(20))
    }
    return try await fact()
}
