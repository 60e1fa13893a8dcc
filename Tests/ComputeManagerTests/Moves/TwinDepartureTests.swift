// SPDX-License-Identifier: Apache-2.0

@testable import ComputeManager
import ComputeModel
import Testing
import WorkerStore

@Suite("A delete that comes to a host which the instance has left for good", .timeLimit(.minutes(3)))
struct TwinDepartureTests {
    private static let source = TwinWorld.source
    private static let target = TwinWorld.target
    private static let third = TwinWorld.third
    private let id = InstanceID(bits: Requests.instanceID)

    private static func move(_ world: TwinWorld, isAlive: Bool, from: String, to: String) async throws {
        if isAlive { return try await TwinLiveMigrationTests.move(world, from: from, to: to) }
        try await TwinResizeTests.resize(world, from: from, to: to)
        try await TwinResizeTests.confirm(world, from: from, to: to)
    }

    /// As a service sends it that has not heard of the move.
    private func delete(_ world: TwinWorld, on host: String) async throws {
        world.forgetEvents()
        try await world.perform("terminate_instance", on: host, ["instance": .object(Requests.instance)])
    }

    /// That the instance is gone, and that this host alone has told it.
    private func expectDeleted(_ world: TwinWorld, by host: String, _ hosts: [String] = [source, target]) async throws {
        for host in hosts {
            #expect(world.cluster[host].isEmpty(of: id))
            #expect(try await world[host].row(id) == nil)
            #expect(try await world[host].resources(id).isEmpty)
        }
        #expect(world.events(of: host) == TwinDeleteTests.ends)
        #expect(world.events() == TwinDeleteTests.ends)
    }

    @Test(
        "goes after it, also when the worker was restarted, and once more where it is asked once more",
        arguments: [true, false], [true, false])
    func follows(isAlive: Bool, isRestarted: Bool) async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            try await Self.move(world, isAlive: isAlive, from: Self.source, to: Self.target)
            #expect(world.cluster.running(id) == [Self.target])
            if isRestarted { try await world.restart() }
            try await delete(world, on: Self.source)
            try await expectDeleted(world, by: Self.target)
            if isRestarted { try await world.restart() }
            try await delete(world, on: Self.source)
            try await expectDeleted(world, by: Self.target)
        }
    }

    @Test("goes back with it where its resize was reverted", arguments: [true, false])
    func reverted(isRestarted: Bool) async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            try await TwinResizeTests.resize(world)
            try await TwinResizeTests.revert(world)
            if isRestarted { try await world.restart() }
            try await delete(world, on: Self.target)
            try await expectDeleted(world, by: Self.source)
        }
    }

    @Test("goes on to a third host, from which the instance has not gone on", arguments: [true, false])
    func chain(isRestarted: Bool) async throws {
        let hosts = [Self.source, Self.target, Self.third]
        try await TwinWorld(hosts).run { world in
            try await TwinResizeTests.build(world)
            try await Self.move(world, isAlive: true, from: Self.source, to: Self.target)
            try await Self.move(world, isAlive: false, from: Self.target, to: Self.third)
            #expect(world.cluster.running(id) == [Self.third])
            if isRestarted { try await world.restart() }
            try await delete(world, on: Self.source)
            try await expectDeleted(world, by: Self.third, hosts)
        }
    }

    @Test("is done on the first host where the instance has come back to it", arguments: [true, false], [true, false])
    func comesBack(isAlive: Bool, isRestarted: Bool) async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            try await Self.move(world, isAlive: isAlive, from: Self.source, to: Self.target)
            try await Self.move(world, isAlive: isAlive, from: Self.target, to: Self.source)
            #expect(world.cluster.running(id) == [Self.source])
            if isRestarted { try await world.restart() }
            try await delete(world, on: Self.target)
            try await expectDeleted(world, by: Self.source)
            // What the first host remembers is that it was deleted there, not that it left once.
            if isRestarted { try await world.restart() }
            for host in [Self.source, Self.target] {
                try await delete(world, on: host)
                try await expectDeleted(world, by: Self.source)
            }
        }
    }

    @Test("ends where each of two hosts takes the other for the one that has it", arguments: [true, false])
    func roundabout(isRestarted: Bool) async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            try await Self.move(world, isAlive: true, from: Self.source, to: Self.target)
            try await Self.move(world, isAlive: true, from: Self.target, to: Self.source)
            let row = try #require(try await world[Self.source].row(id))
            try await world[Self.source].lose(row.instance)
            if isRestarted { try await world.restart() }
            try await delete(world, on: Self.source)
            try await expectDeleted(world, by: Self.target)
        }
    }

    @Test("is told as failed where no worker of the new host is there; nothing is said to be deleted")
    func unreachable() async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            try await Self.move(world, isAlive: false, from: Self.source, to: Self.target)
            try await world.restart()
            world.remove(Self.target)
            try await delete(world, on: Self.source)
            #expect(world.events() == ["terminate_instance"])
            #expect(world.cluster.running(id) == [Self.target])
        }
    }
}
