// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeManager
import ComputeModel
import FakeDriver
import Foundation
import Testing
import WorkerStore

/// A request for a build with one extra wish.
struct Wish: Sendable, CustomTestStringConvertible {
    let argument: SpawnArgument
    var arguments = JSONObject()
    var fields = JSONObject()

    var testDescription: String { argument.rawValue }

    /// Whether somebody must grant it.
    var needsService: Bool { argument == .networks || argument == .volumes }

    var request: [UInt8] {
        Requests.run(Requests.id, arguments) { instance in
            for member in fields.members { instance[member.key] = member.value }
        }
    }

    static let all = [
        Wish(argument: .networks, arguments: ["requested_networks": [["6c6dd902-62ab-409a-b5f8-76b1c4182ed8", nil]]]),
        Wish(argument: .volumes, arguments: ["request_spec": ["block_device_mapping": [["volume_id": "v", "device_name": "vdb"]]]]),
        Wish(argument: .injectedFiles, arguments: ["injected_files": [["/etc/motd", "aGVsbG8="]]]),
        Wish(argument: .adminPassword, arguments: ["admin_password": "CANARY"]),
        Wish(argument: .configDrive, fields: ["config_drive": "True"]),
        Wish(argument: .userData, fields: ["user_data": "CANARY"]),
        Wish(argument: .ephemeralDisk, fields: ["ephemeral_gb": 2]),
        Wish(argument: .swapDisk, fields: ["instance_type": ["name": "m1.tiny", "swap": 512]]),
    ]
}

@Suite("Wishes of a build are honoured or refused, never forgotten", .timeLimit(.minutes(1)))
struct WishesTests {
    private let id = InstanceID(bits: Requests.instanceID)

    private func fixture(ignoring ignored: Set<SpawnArgument> = []) throws -> ManagerFixture {
        let fixture = try ManagerFixture { $0.ignorableSpawnArguments = ignored }
        let path = fixture.directory + "/images/cirros"
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: path))
        try Data(#"{"disk_format": "raw", "name": "CirrOS"}"#.utf8).write(to: URL(fileURLWithPath: path + ".json"))
        return fixture
    }

    @Test("There is a request for every wish that can be had")
    func complete() { #expect(Wish.all.map(\.argument) == SpawnArgument.allCases) }

    @Test(
        "A driver that can't honour a wish refuses the build by the wish's name, before any side effect",
        arguments: Wish.all)
    func refused(_ wish: Wish) async throws {
        let fixture = try fixture()
        try await fixture.run(plain: true) { try await fixture.perform($0, wish.request) }
        #expect(fixture.driver.faults.calls(of: .spawn) == 0)
        #expect(try await fixture.instance(id)?.vmState == .error)
        #expect(try await fixture.resources(id).isEmpty)
        let event = try #require(try await fixture.events().last)
        #expect(event["event_type"] == "run_instance")
        #expect(event["payload"]?["exception"]?["message"]?.string?.contains("'\(wish.argument)'") == true)
        #expect(try await fixture.eventTypes() == ["run_instance"])
        await fixture.close()
    }

    @Test("A wish that is listed as ignorable is dropped with a warning", arguments: Wish.all)
    func ignored(_ wish: Wish) async throws {
        let fixture = try fixture(ignoring: [wish.argument])
        try await fixture.run(plain: true) { try await fixture.perform($0, wish.request) }
        #expect(try await fixture.instance(id)?.vmState == .active)
        #expect(fixture.logs.all.contains { $0.hasPrefix("warning") && $0.contains(wish.argument.rawValue) })
        #expect(!fixture.logs.all.contains { $0.contains("CANARY") })
        await fixture.close()
    }

    @Test("A driver that accepts a wish builds with it", arguments: Wish.all)
    func accepted(_ wish: Wish) async throws {
        let fixture = try ManagerFixture()
        let driver = ConnectedDriver(plain: PlainDriver(fake: fixture.driver))
        try await fixture.run(peers: FakePeers().peers, driver: driver) { try await fixture.perform($0, wish.request) }
        #expect(try await fixture.instance(id)?.vmState == .active)
        await fixture.close()
    }

    @Test(
        "A wish for which there is no service is refused by its name", arguments: Wish.all.filter { $0.needsService })
    func withoutService(_ wish: Wish) async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, wish.request) }
        let event = try #require(try await fixture.events().last)
        #expect(event["payload"]?["exception"]?["message"]?.string?.contains("'\(wish.argument)'") == true)
        #expect(try await fixture.eventTypes() == ["run_instance"])
        #expect(try await fixture.resources(id).isEmpty)
        await fixture.close()
    }

    @Test("A driver that needs an image gets none built without")
    func needsImage() async throws {
        let fixture = try ManagerFixture()
        let other = "00000000-0000-4000-8000-000000000002"
        try await fixture.run(plain: true) { manager in
            try await fixture.perform(manager, Requests.run(), Requests.run(other) { $0["image_ref"] = "" })
        }
        let kinds = try await fixture.events().filter { $0["event_type"] == "run_instance" }
            .map { $0["payload"]?["exception"]?["kind"] }
        #expect(Set(kinds) == ["imageNotFound", "invalid"])
        await fixture.close()
    }

    @Test("An operation that the driver's type does not have is refused before any side effect")
    func unsupported() async throws {
        let fixture = try fixture()
        let entry = try await fixture.run(plain: true) { manager in
            try await fixture.perform(manager, Requests.run())
            let entries = try await fixture.submit(manager, Requests.of(Requests.id, "stop_instance", message: "m"))
            await fixture.idle()
            return entries[0]
        }
        #expect(try await fixture.finished(entry)?.outcome == .refused)
        #expect(try await fixture.instance(id)?.vmState == .active)
        let reply = try #require(try await fixture.outbox().first { $0.kind == .reply })
        #expect(try JSONParser.parse(reply.body)["failure"] == "unsupportedOperation")
        await fixture.close()
    }
}
