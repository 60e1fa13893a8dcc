// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import FakeDriver
import Testing

@Suite("A hypervisor that stands still", .timeLimit(.minutes(1)))
struct StandstillTests {
    @Test("A delete outlasts calls that are overdue, and ends as a delete")
    func delete() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            let still = ComputeFault(.timeout, "libvirt is overdue")
            fixture.driver.faults.plan(.fail(still), for: .destroy, calls: 1...2)
            try await fixture.submit(manager, Requests.of(Requests.id, "terminate_instance"))
            for _ in 0..<2 {
                await fixture.clock.sleeper(for: .seconds(1))
                fixture.clock.advance(by: .seconds(1))
            }
            await fixture.idle()
        }
        #expect(try await fixture.instance(InstanceID(bits: Requests.instanceID)) == nil)
        #expect(try await fixture.driver.instances().isEmpty)
        #expect(try await fixture.eventTypes().last == "compute.instance.delete.end")
        await fixture.close()
    }
}
