// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Testing

@testable import WorkerStore

@Suite("Instances, resources, outbox", .timeLimit(.minutes(1)))
struct RowTests {
    @Test("an instance comes back field by field, and a state change and its event are one commit")
    func instances() async throws {
        try await withStore({ $0.clock = FixedClock(microseconds: 77) }) { store, path in
            let instance = try Instance(fields: [
                "uuid": .string(instanceA.description), "vm_state": "building", "memory_mb": 512,
                "unknown": [1, nil, "x"],
            ])
            try await store.write { try $0.save(instance, networkInfo: [["id": "vif"]], details: ["image": "i"]) }
            try await store.write { transaction in
                var row = try #require(try transaction.instance(instanceA))
                row.instance.vmState = .active
                try transaction.save(row.instance)
                try transaction.enqueue(newMessage(instanceA.description, "active"))
            }
            try await afterCrash(of: path) { other in
                let row = try #require(try await other.read { try $0.instance(instanceA) })
                var expected = instance
                expected.vmState = .active
                #expect(
                    row
                        == StoredInstance(
                            instance: expected, networkInfo: [["id": "vif"]], details: ["image": "i"],
                            updatedAt: Timestamp(microseconds: 77)))
                #expect(row.instance.fields.keys == ["uuid", "vm_state", "memory_mb", "unknown"])
                #expect(try await other.read { try $0.outbox(limit: 5) }.map(\.message.body) == [Array("active".utf8)])
                try await other.write { try $0.remove(instanceA) }
                #expect(try await other.read { try $0.instances() }.isEmpty)
                #expect(try await other.read { try $0.instance(instanceB) } == nil)
            }
        }
    }

    @Test("an instance that has no row is known to have none, in this run and the next")
    func index() async throws {
        try await withStore { store, path in
            #expect(!store.mayHold(instanceA))
            let instance = try Instance(fields: ["uuid": .string(instanceA.description)])
            try await store.write { try $0.save(instance) }
            #expect(store.mayHold(instanceA))
            try await afterCrash(of: path) { #expect($0.mayHold(instanceA)) }
            try await store.write { transaction in
                try transaction.remove(instanceA)
                try transaction.save(instance)
            }
            #expect(store.mayHold(instanceA))
            try await store.write { try $0.remove(instanceA) }
            #expect(!store.mayHold(instanceA))
            await #expect(throws: StoreError.self) {
                try await store.write { transaction in
                    try transaction.save(instance)
                    throw StoreError(.closed, "not this time")
                }
            }
            #expect(try await store.read { try $0.instance(instanceA) } == nil)
        }
    }

    @Test("resources are registered once, struck singly or all, and told apart by instance")
    func resources() async throws {
        try await withStore { store, _ in
            try await store.write { transaction in
                for kind in ["domain", "disk", "domain"] {
                    try transaction.register(kind: kind, name: "a", for: instanceA)
                }
                try transaction.register(kind: "disk", name: "a", for: instanceB)
            }
            #expect(
                try await store.read { try $0.resources(of: instanceA) } == [
                    StoredResource(kind: "disk", name: "a", instance: instanceA),
                    StoredResource(kind: "domain", name: "a", instance: instanceA),
                ])
            try await store.write { try $0.strike(kind: "disk", name: "a", for: instanceA) }
            #expect(try await store.read { try $0.resources() }.count == 2)
            try await store.write { try $0.strikeResources(of: instanceA) }
            #expect(
                try await store.read { try $0.resources() } == [
                    StoredResource(kind: "disk", name: "a", instance: instanceB)
                ])
        }
    }

    @Test("the outbox gives messages back whole and in order, by part, and never an id twice")
    func outbox() async throws {
        try await withStore { store, path in
            let message = OutboxMessage(
                orderingKey: "k", kind: .deadLetter, exchange: "", routingKey: "compute.h.dead", isMandatory: true,
                headers: ["x-reason": "not-json", "a": "ü"], body: [0, 1, 255], instance: instanceB)
            let first = try await store.write { transaction in
                let first = try transaction.enqueue(message)
                try transaction.enqueue(newMessage("r", kind: .reply))
                try transaction.enqueue(newMessage("k", kind: .cast))
                return first
            }
            let rows = try await store.read { try $0.outbox(limit: 10) }
            #expect(rows.count == 3)
            #expect(rows[0].message == message)
            #expect(try await store.read { try $0.outbox(.events, limit: 10) } == [rows[0]])
            #expect(try await store.read { try $0.outbox(.addressed, after: first, limit: 10) } == [rows[1], rows[2]])
            #expect(store.levels.lastAddressedID == rows[2].id)
            #expect(store.levels.lastOutboxID == rows[2].id)
            try await afterCrash(of: path) { other in
                #expect(other.levels.lastAddressedID == rows[2].id)
                #expect(other.levels.outbox == 3)
            }
            try await store.write { try $0.strike(rows.map(\.id)) }
            #expect(store.levels.outbox == 0)
            // A reader that stands behind the struck rows must see the next one.
            let next = try await store.write { try $0.enqueue(newMessage("k")) }
            #expect(next > rows[2].id)
        }
    }

    @Test("SipHash-2-4 of 128 bits agrees with OpenSSL's")
    func sipHash() {
        let hash = SipHash(key: UniqueBits(high: 0x0706_0504_0302_0100, low: 0x0f0e_0d0c_0b0a_0908))
        func hex(_ bits: UniqueBits) -> String {
            UniqueBits(high: bits.high.byteSwapped, low: bits.low.byteSwapped).hex
        }
        #expect(hex(hash.hash([])) == "a3817f04ba25a8e66df67214c7550293")
        #expect(hex(hash.hash([0])) == "da87c1d86b99af44347659119b22fc45")
        #expect(hex(hash.hash((0..<1003).map { UInt8($0 % 251) })) == "1ee3bc63b2c5f755c9bc8dbaf1dc96a9")
    }
}
