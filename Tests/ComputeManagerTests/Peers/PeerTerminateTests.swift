// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Testing
import WorkerStore

@testable import ComputeManager

@Suite("A delete that asks other services", .timeLimit(.minutes(1)))
struct PeerTerminateTests {
    private let id = InstanceID(bits: Requests.instanceID)
    private let volume = PeerScene.volume

    private var order: [String] {
        [
            "get_instance_nw_info", "deallocate_for_instance", "terminate_connection \(volume)",
            "detach_volume \(volume)", "delete_volume \(volume)", "delete_tokens_for_instance",
        ]
    }

    @Test("it gives everything back in nova's order, its tokens last, and leaves nothing")
    func delete() async throws {
        let scene = try PeerScene()
        try await scene.run { manager in
            try await scene.fixture.perform(manager, PeerScene.build())
            try await scene.fixture.perform(manager, PeerScene.delete)
        }
        #expect(Array(scene.asked.calls.dropFirst(3)) == order)
        #expect(
            try await scene.fixture.eventTypes().suffix(4).map { $0.replacing("compute.instance.", with: "") }
                == ["delete.start", "shutdown.start", "shutdown.end", "delete.end"])
        #expect(try await scene.row() == nil)
        #expect(try await scene.fixture.resources(id).isEmpty)
        #expect(try await scene.traces(JournalID(2)).map(\.outcome).allSatisfy { $0 == "ok" })
        await scene.fixture.close()
    }

    @Test("tokens that nobody forgets in time are told after the end, as nova tells them; the instance is deleted")
    func tokens() async throws {
        let scene = try PeerScene { $0.peerTimeout = .seconds(7) }
        scene.asked.set("delete_tokens_for_instance", .deaf)
        let entry = try await scene.run { manager in
            try await scene.fixture.perform(manager, PeerScene.build())
            let entry = try #require(try await scene.fixture.submit(manager, PeerScene.delete).first)
            try await scene.awaitCall("delete_tokens_for_instance")
            while try await scene.fixture.finished(entry) == nil { try await scene.fixture.step(by: .seconds(7)) }
            return entry
        }
        #expect(try await scene.fixture.eventTypes().suffix(2) == ["compute.instance.delete.end", "terminate_instance"])
        #expect(try await scene.fixture.finished(entry)?.outcome == .failed)
        #expect(try await scene.fixture.finished(entry)?.lastError?.contains("consoleauth") == true)
        #expect(try await scene.row() == nil)
        await scene.fixture.close()
    }

    @Test("a delete whose addresses are refused for good fails at once, and a second one helps")
    func network() async throws {
        let scene = try PeerScene()
        try await scene.run { manager in
            try await scene.fixture.perform(manager, PeerScene.build())
            scene.asked.set("deallocate_for_instance", .fault(ComputeFault(.internalError, "broken")))
            try await scene.fixture.perform(manager, PeerScene.delete)
            #expect(try await scene.row()?.instance.taskState == .deleting)
            #expect(try await scene.row()?.instance.vmState == .active)
            #expect(try await scene.fixture.eventTypes().last == "terminate_instance")
            scene.asked.set("deallocate_for_instance", nil)
            try await scene.fixture.perform(manager, PeerScene.delete)
        }
        #expect(scene.asked.addressed.isEmpty && scene.asked.holders.isEmpty)
        #expect(try await scene.row() == nil)
        await scene.fixture.close()
    }

    @Test("a network that is gone, a volume that is gone and one that can't be deleted hold up no delete")
    func gone() async throws {
        let scene = try PeerScene()
        try await scene.run { manager in
            try await scene.fixture.perform(manager, PeerScene.build())
            scene.asked.set("get_instance_nw_info", .fault(ComputeFault(.networkNotFound, "gone")))
            scene.asked.set("terminate_connection", .fault(ComputeFault(.volumeNotFound, "gone")))
            scene.asked.set("delete_volume", .fault(ComputeFault(.internalError, "no")))
            try await scene.fixture.perform(manager, PeerScene.delete)
        }
        #expect(try await scene.row() == nil)
        #expect(try await scene.fixture.eventTypes().last == "compute.instance.delete.end")
        await scene.fixture.close()
    }

    @Test(
        "taken up after a crash it goes on, tells each event once, and detaches no volume a second time",
        arguments: [
            "deallocate_for_instance", "detach_volume", "delete_volume", "delete_tokens_for_instance",
        ])
    func resumed(method: String) async throws {
        let scene = try PeerScene()
        scene.asked.set(method, .silent)
        let call = method.hasSuffix("volume") ? "\(method) \(volume)" : method
        try await scene.run { manager in
            try await scene.fixture.perform(manager, PeerScene.build())
            try await scene.fixture.submit(manager, PeerScene.delete)
            try await scene.awaitCall(call)
        }
        scene.asked.set(method, nil)
        try await scene.run { _ in await scene.fixture.idle() }
        #expect(scene.asked.calls.last == "delete_tokens_for_instance")
        #expect(scene.asked.calls.count { $0 == call } == 2)
        if method != "detach_volume" { #expect(scene.asked.calls.count { $0 == "detach_volume \(volume)" } == 1) }
        #expect(
            try await scene.fixture.eventTypes().suffix(4).map { $0.replacing("compute.instance.", with: "") }
                == ["delete.start", "shutdown.start", "shutdown.end", "delete.end"])
        #expect(try await scene.row() == nil)
        #expect(try await scene.fixture.resources(id).isEmpty)
        await scene.fixture.close()
    }
}
