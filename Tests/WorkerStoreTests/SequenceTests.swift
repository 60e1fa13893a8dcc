// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Testing

@testable import WorkerStore

@Suite("The sequence of an instance's events", .timeLimit(.minutes(1)))
struct SequenceTests {
    private struct Refused: Error {}

    @Test("notifications of an instance are counted from 1 without a gap, each instance by itself, and nothing else is")
    func counted() async throws {
        try await withStore { store, _ in
            try await store.write { transaction in
                for instance in [instanceA, instanceA, instanceB] { try transaction.enqueue(event(instance)) }
                try transaction.enqueue(newMessage("r", kind: .reply))
                try transaction.enqueue(newMessage("n"))
                try transaction.enqueue(event(instanceA, kind: .cast))
                // The same event to a second topic.
                try transaction.enqueue(event(instanceB, again: true))
                try transaction.enqueue(event(instanceA))
            }
            #expect(try await numbers(store) == [1, 2, 1, nil, nil, nil, 1, 3])
        }
    }

    @Test("the count goes on after a crash, whether or not the instance has a row, was removed or its events are gone")
    func lasting() async throws {
        try await withStore { store, path in
            let instance = try Instance(fields: ["uuid": .string(instanceA.description)])
            // Counted before the row is written, after it, without a row at all, and with the removal of the row.
            try await store.write { transaction in
                try transaction.enqueue(event(instanceA))
                try transaction.save(instance)
            }
            try await expectNext(2, 1, path)
            try await store.write { transaction in
                try transaction.save(instance)
                try transaction.enqueue(event(instanceA))
            }
            try await expectNext(3, 1, path)
            _ = try await store.write { try $0.enqueue(event(instanceB)) }
            try await expectNext(3, 2, path)
            _ = try await store.write { try $0.enqueue(event(instanceA)) }
            try await expectNext(4, 2, path)
            try await store.write { transaction in
                try transaction.enqueue(event(instanceA))
                try transaction.remove(instanceA)
            }
            try await expectNext(5, 2, path)
            let all = try await store.read { try $0.outbox(limit: 99) }.map(\.id)
            try await store.write { try $0.strike(all) }
            try await expectNext(5, 2, path)
            // A second life of the same id goes on where the first ended.
            try await store.write { try $0.save(instance) }
            try await expectNext(5, 2, path)
        }
    }

    @Test("the count of an instance that is gone is forgotten with its age, and no other one")
    func pruned() async throws {
        try await withStore { store, path in
            let instance = try Instance(fields: ["uuid": .string(instanceB.description)])
            try await store.write { transaction in
                try transaction.enqueue(event(instanceA))
                try transaction.enqueue(event(instanceB))
                try transaction.save(instance)
                try transaction.remove(instanceA)
            }
            try await store.write { _ = try $0.prune(finishedBefore: Timestamp(microseconds: 1), keepingAtMost: 9) }
            try await expectNext(2, 2, path)
            let later = try await store.write { $0.now.advanced(bySeconds: 1) }
            try await store.write { _ = try $0.prune(finishedBefore: later, keepingAtMost: 9) }
            try await expectNext(1, 2, path)
            _ = try await store.write { try $0.enqueue(event(instanceA)) }
            #expect(try await store.read { try $0.outbox(limit: 99) }.last?.sequence == 1)
        }
    }

    @Test("the count of an instance that is gone is kept until its last period has been told")
    func keptUntilTold() async throws {
        try await withStore { store, path in
            let ended = EndedInstance(
                instance: instanceA, payload: [:], launchedAt: Timestamp(microseconds: 1),
                terminatedAt: Timestamp(microseconds: 2))
            try await store.write { transaction in
                try transaction.enqueue(event(instanceA))
                try transaction.keep(ended)
            }
            let later = try await store.write { $0.now.advanced(bySeconds: 1) }
            try await store.write { _ = try $0.prune(finishedBefore: later, keepingAtMost: 9) }
            try await expectNext(2, 1, path)
            _ = try await store.write { try $0.enqueue(event(instanceA)) }
            #expect(try await store.read { try $0.outbox(limit: 99) }.last?.sequence == 2)
            try await store.write { transaction in
                try transaction.forgetEnded(before: Timestamp(microseconds: 2))
                _ = try transaction.prune(finishedBefore: transaction.now.advanced(bySeconds: 1), keepingAtMost: 9)
            }
            try await expectNext(1, 1, path)
        }
    }

    @Test("a number whose event was taken back is given to the next one")
    func takenBack() async throws {
        try await withStore { store, _ in
            _ = try await store.write { try $0.enqueue(event(instanceA)) }
            async let good = store.write { try $0.enqueue(event(instanceB)) }
            await #expect(throws: Refused.self) {
                try await store.write { transaction in
                    try transaction.enqueue(event(instanceA))
                    throw Refused()
                }
            }
            _ = try await good
            _ = try await store.write { try $0.enqueue(event(instanceA)) }
            let numbers = try await store.read { try $0.outbox(limit: 99) }.filter { $0.message.instance == instanceA }
            #expect(numbers.map(\.sequence) == [1, 2])
        }
    }

    /// What the next events of A and of B would be numbered after a crash now.
    private func expectNext(_ first: Int64, _ second: Int64, _ path: String) async throws {
        try await afterCrash(of: path) { store in
            let ids = try await store.write { transaction in
                [try transaction.enqueue(event(instanceA)), try transaction.enqueue(event(instanceB))]
            }
            let rows = try await store.read { snapshot in try ids.map { try snapshot.outboxRow($0)?.sequence } }
            #expect(rows == [first, second])
        }
    }

    private func numbers(_ store: WorkerStore) async throws -> [Int64?] {
        try await store.read { try $0.outbox(limit: 99) }.map(\.sequence)
    }
}

func event(
    _ instance: InstanceID, kind: OutboxMessage.Kind = .notification, again: Bool = false
) -> OutboxMessage {
    OutboxMessage(
        orderingKey: instance.description, kind: kind, exchange: "nova", routingKey: "notifications.info",
        isMandatory: false, body: [], instance: instance, repeatsEvent: again)
}
