// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@testable import ComputeManager

@Suite("A wall clock that jumps", .timeLimit(.minutes(1)))
struct SteadyTimeTests {
    private let wall = SetWallClock()
    private let clock = ManualClock()

    private func pass(_ seconds: Int64) {
        wall.advance(bySeconds: seconds)
        clock.advance(by: .seconds(seconds))
    }

    @Test("What was dated before a jump ahead is no older for it, and what is dated after it gets old as it should")
    func ahead() {
        let time = SteadyTime(wall, beside: clock)
        let before = wall.now()
        pass(60)
        #expect(time.age(of: before) == .seconds(60))
        wall.advance(bySeconds: 3600)
        #expect(time.age(of: before) == .seconds(60))
        pass(1)
        let after = wall.now()
        pass(3600)
        #expect(time.age(of: before) == .seconds(3661))
        #expect(time.age(of: after) == .seconds(3600))
    }

    @Test("A jump ahead that is taken back leaves no trace, and a step back makes nothing older")
    func back() {
        let time = SteadyTime(wall, beside: clock)
        let before = wall.now()
        pass(60)
        wall.advance(bySeconds: 3600)
        #expect(time.age(of: before) == .seconds(60))
        pass(60)
        wall.advance(bySeconds: -3600)
        #expect(time.age(of: before) == .seconds(120))
        wall.advance(bySeconds: -3600)
        let after = wall.now()
        #expect(time.age(of: before) == .zero)
        pass(60)
        #expect(time.age(of: after) == .seconds(60))
    }

    @Test("A clock that is corrected gently is followed, however far it goes")
    func gently() {
        let time = SteadyTime(wall, beside: clock)
        let before = wall.now()
        for _ in 0..<100 {
            pass(60)
            wall.advance(bySeconds: 1)
            _ = time.age(of: before)
        }
        #expect(time.age(of: before) == .seconds(6100))
    }

    @Test("However often it jumps, nothing gets older than it is, and the list of jumps stays short")
    func often() {
        let time = SteadyTime(wall, beside: clock)
        let before = wall.now()
        for _ in 0..<1000 {
            pass(60)
            wall.advance(bySeconds: 3600)
            _ = time.age(of: before)
        }
        #expect(time.age(of: before) == .seconds(60_000))
    }

    @Test("Events' times never go back: after a step back they go at half speed until they are right")
    func eventTimes() {
        let time = SteadyTime(wall, beside: clock)
        let first = time.eventTime()
        wall.advance(bySeconds: -100)
        #expect(time.eventTime() == first)
        pass(20)
        #expect(time.eventTime() == first.advanced(bySeconds: 10))
        pass(180)
        #expect(time.eventTime() == first.advanced(bySeconds: 100))
        #expect(time.eventTime() == wall.now())
        wall.advance(bySeconds: 3600)
        #expect(time.eventTime() == wall.now())
    }

    @Test("What was deleted softly is kept through a jump ahead for as long as it is to be")
    func reclaim() async throws {
        let id = InstanceID(bits: Requests.instanceID)
        let fixture = try ManagerFixture { $0.powerSyncInterval = nil }
        try await fixture.run(wallClock: wall) { [wall] manager in
            var configuration = PeriodicConfiguration()
            configuration.reclaimInterval = .seconds(3600)
            let surroundings = PeriodicSurroundings(
                services: manager.services, dispatcher: manager.dispatcher, configuration: configuration,
                time: manager.services.events.time)
            let task = InstanceTimeout.reclaim(surroundings)
            try await fixture.perform(manager, Requests.run())
            #expect(
                try await surroundings.change(id) { change in
                    change.update { $0.vmState = .softDeleted }
                    return true
                })
            wall.advance(bySeconds: 3600)
            #expect(try await task.run().count == 0)
            fixture.clock.advance(by: .seconds(3599))
            wall.advance(bySeconds: 3599)
            #expect(try await task.run().count == 0)
            fixture.clock.advance(by: .seconds(1))
            wall.advance(bySeconds: 1)
            #expect(try await task.run().count == 1)
            await fixture.idle()
            #expect(try await fixture.instance(id) == nil)
        }
        await fixture.close()
    }

    @Test("The events of an instance are in the order of their times, also where the clock was put back in between")
    func events() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run(wallClock: wall) { [wall] manager in
            try await fixture.perform(manager, Requests.run())
            wall.advance(bySeconds: -3600)
            try await fixture.perform(manager, Requests.of(Requests.id, "reboot_instance"))
            let times = try await fixture.events().compactMap { $0["timestamp"]?.string }
            #expect(times.count > 4 && times == times.sorted())
        }
        await fixture.close()
    }
}
