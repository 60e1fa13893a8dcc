// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeManager
import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@Suite("The record of done work is bounded", .timeLimit(.minutes(1)))
struct HousekeepingTests {
    @Test("What was done longer ago than is kept is forgotten; what is younger and what is unfinished stays")
    func age() async throws {
        let fixture = try ManagerFixture { $0.doneWorkRetention = .seconds(3600) }
        try await fixture.run { manager in
            for _ in 0..<3 { try await fixture.perform(manager, Requests.of(Requests.id, "reboot_instance")) }
            await fixture.clock.sleeper(for: .seconds(60))
            fixture.clock.advance(by: .seconds(60))
            // The next look begins only after this one: nothing was old.
            await fixture.clock.sleeper(for: .seconds(60))
        }
        #expect(fixture.store.levels.finished == 3)
        try await fixture.run(wallClock: LaterClock(seconds: 3700)) { manager in
            await fixture.clock.sleeper(for: .seconds(60))
            let point = fixture.driver.faults.hang(.spawn)
            try await fixture.submit(manager, Requests.run())
            await point.reached()
            fixture.clock.advance(by: .seconds(60))
            _ = await fixture.store.wait { $0.finished == 0 }
            #expect(fixture.store.levels.unfinished == 1)
            point.release()
            await fixture.idle()
        }
        await fixture.close()
    }

    @Test("Beyond a number of them the oldest are forgotten")
    func size() async throws {
        let fixture = try ManagerFixture { $0.doneWorkRows = 2 }
        try await fixture.run { manager in
            var entries: [JournalEntry] = []
            for _ in 0..<5 {
                entries += try await fixture.submit(manager, Requests.of(Requests.id, "reboot_instance"))
                await fixture.idle()
            }
            await fixture.clock.sleeper(for: .seconds(60))
            fixture.clock.advance(by: .seconds(60))
            _ = await fixture.store.wait { $0.finished == 2 }
            #expect(try await fixture.finished(entries[2]) == nil)
            #expect(try await fixture.finished(entries[3]) != nil)
        }
        await fixture.close()
    }
}
