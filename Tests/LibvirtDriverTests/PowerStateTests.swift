// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Testing

@testable import Libvirt
@testable import LibvirtDriver

/// libvirt's numbers and nova's, as both projects write them down; none of ours takes part.
@Suite("libvirt's states and events become nova's power states")
struct PowerStateTests {
    @Test(
        "each number of virDomainState has nova's number, and one that libvirt may add has none of its own",
        arguments: [
            (0, 0),  // NOSTATE
            (1, 1),  // RUNNING
            (2, 1),  // BLOCKED runs
            (3, 3),  // PAUSED
            (4, 4),  // SHUTDOWN
            (5, 4),  // SHUTOFF
            (6, 6),  // CRASHED
            (7, 7),  // PMSUSPENDED
            (8, 0), (42, 0), (-1, 0), (.max, 0),
        ] as [(Int32, Int)])
    func states(libvirt: Int32, nova: Int) {
        #expect(PowerState(DomainState(number: libvirt)).rawValue == nova)
    }

    @Test("no state of ours is without a number of libvirt's")
    func allStates() {
        #expect(DomainState.allCases.map(\.rawValue) == [0, 1, 2, 3, 4, 5, 6, 7])
    }

    @Test(
        "each number of virDomainEventType is the power state that it leads to, or none",
        arguments: [
            (0, nil),  // DEFINED
            (1, nil),  // UNDEFINED
            (2, 1),  // STARTED
            (3, 3),  // SUSPENDED
            (4, 1),  // RESUMED
            (5, 4),  // STOPPED
            (6, nil),  // SHUTDOWN: it is off when STOPPED says so
            (7, 7),  // PMSUSPENDED
            (8, 6),  // CRASHED
        ] as [(Int32, Int?)])
    func events(libvirt: Int32, nova: Int?) throws {
        let kind = try #require(DomainEvent.Kind(rawValue: libvirt))
        let event = DomainEvent(uuid: Guests.uuid, name: "instance-0000002a", kind: kind, detail: 0)
        #expect(PowerState(event)?.rawValue == nova)
    }

    @Test("an event that libvirt may add is no event")
    func unknownEvents() {
        #expect(DomainEvent.Kind.allCases.map(\.rawValue) == [0, 1, 2, 3, 4, 5, 6, 7, 8])
        for number: Int32 in [9, 42, -1] { #expect(DomainEvent.Kind(rawValue: number) == nil) }
    }
}
