// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Testing

@testable import ComputeManager

@Suite("What a guest's state means for its row")
struct PowerSyncTests {
    private func row(
        _ vm: VMState?, _ power: PowerState, task: TaskState? = nil, host: String? = "compute1"
    ) throws -> Instance {
        var instance = try Instance(fields: Requests.instance)
        instance.vmState = vm
        instance.taskState = task
        instance.powerState = power
        instance.host = host
        return instance
    }

    /// The whole table: rows by vm state as they stand when all is well, columns by what a look shows.
    private static let columns: [GuestReading] = [
        .unknown, .present(.noState), .absent, .present(.running), .present(.paused), .present(.shutdown),
        .present(.crashed), .present(.suspended),
    ]
    private static let table: [(VMState, PowerState, [PowerSync])] = [
        (
            .active, .running,
            [
                .agreed, .agreed, .vanished, .agreed, .power(.paused), .stopped(.shutdown), .stopped(.crashed),
                .power(.suspended),
            ]
        ),
        (
            .stopped, .shutdown,
            [.agreed, .agreed, .vanished, .started, .power(.paused), .agreed, .power(.crashed), .power(.suspended)]
        ),
        (
            .paused, .paused,
            [
                .agreed, .agreed, .vanished, .power(.running), .agreed, .power(.shutdown), .power(.crashed),
                .power(.suspended),
            ]
        ),
        (
            .suspended, .shutdown,
            [
                .agreed, .agreed, .vanished, .power(.running), .power(.paused), .agreed, .power(.crashed),
                .power(.suspended),
            ]
        ),
        (
            .error, .running,
            [
                .agreed, .agreed, .power(.noState), .agreed, .power(.paused), .power(.shutdown), .power(.crashed),
                .power(.suspended),
            ]
        ),
        (.building, .noState, Array(repeating: .agreed, count: 8)),
        (.deleted, .running, Array(repeating: .agreed, count: 8)),
        (.softDeleted, .shutdown, Array(repeating: .agreed, count: 8)),
    ]

    @Test("Each pair of a vm state and a look has its one meaning")
    func everyPair() throws {
        for (vm, power, findings) in Self.table {
            #expect(findings.count == Self.columns.count)
            for (reading, expected) in zip(Self.columns, findings) {
                let finding = PowerSync(try row(vm, power), reading, host: "compute1")
                #expect(finding == expected, "\(vm) × \(reading)")
            }
        }
    }

    @Test("What an operation works on, and what is another host's, is not judged", arguments: columns)
    func notOurs(_ reading: GuestReading) throws {
        for (vm, power, _) in Self.table {
            for task in [TaskState.spawning, .rebooting, .deleting, .stopping] {
                #expect(PowerSync(try row(vm, power, task: task), reading, host: "compute1") == .agreed)
            }
            #expect(PowerSync(try row(vm, power, host: nil), reading, host: "compute1") == .agreed)
            #expect(PowerSync(try row(vm, power, host: "compute2"), reading, host: "compute1") == .agreed)
        }
    }

    @Test("A guest that has vanished is told once")
    func vanishedOnce() throws {
        for vm in [VMState.active, .stopped, .error] {
            #expect(PowerSync(try row(vm, .noState), .absent, host: "compute1") == .agreed)
        }
        #expect(PowerSync(try row(.active, .noState), .present(.running), host: "compute1") == .power(.running))
    }
}
