// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import GRDB
import Testing

@testable import WorkerStore

@Suite("The traces of calls to other services", .timeLimit(.minutes(1)))
struct PeerCallTests {
    @Test("a call is there from before its answer, with its end after it, and counted on by a later start")
    func calls() async throws {
        try await withDirectory { path in
            var entry = JournalID(0)
            try await reopening(path) { store in
                entry = try await store.write { try accepted($0.accept(newEntry("a"))) }
                let first = try await store.write { [entry] in
                    try $0.beginPeerCall(entry, peer: "network", method: "allocate_for_instance")
                }
                #expect(first == 1)
                let open = try await store.read { [entry] in try $0.peerCalls(of: entry) }
                #expect(open.map(\.method) == ["allocate_for_instance"] && open.first?.endedAt == nil)
                try await store.write { [entry] in try $0.endPeerCall(entry, first, outcome: "ok") }
            }
            try await reopening(path) { store in
                let second = try await store.write { [entry] in
                    try $0.beginPeerCall(entry, peer: "volume", method: "attach_volume")
                }
                #expect(second == 2)
            }
            let calls = try JournalView.open(directory: path).peerCalls(of: entry)
            #expect(calls.map(\.peer) == ["network", "volume"])
            #expect(calls.map(\.outcome) == ["ok", nil])
            #expect(calls.first?.endedAt != nil && calls.last?.endedAt == nil)
        }
    }

    @Test("they go when their request is forgotten")
    func pruned() async throws {
        try await withStore { store, _ in
            let entry = try await store.write { try accepted($0.accept(newEntry("a"))) }
            try await store.write { transaction in
                _ = try transaction.beginPeerCall(entry, peer: "network", method: "m")
                try transaction.finish(entry, outcome: .failed)
                try transaction.prune(finishedBefore: Timestamp(microseconds: .max), keepingAtMost: 0)
            }
            #expect(try await store.read { try $0.peerCalls(of: entry) }.isEmpty)
        }
    }

    @Test("of a request that asks for ever, the first and the last are kept")
    func bounded() async throws {
        try await withStore { store, _ in
            let entry = try await store.write { try accepted($0.accept(newEntry("a"))) }
            let last = try await store.write { transaction in
                var last = 0
                for _ in 1...200 {
                    last = try transaction.beginPeerCall(entry, peer: "compute", method: "m")
                    try transaction.endPeerCall(entry, last, outcome: "timeout")
                }
                return last
            }
            #expect(last == 200)
            let kept = try await store.read { try $0.peerCalls(of: entry) }.map(\.number)
            #expect(kept == Array(1...32) + Array(169...200))
        }
    }

    @Test("a cast is there from its commit on, and its end once it is sent, returned or taken back; a restart changes nothing")
    func casts() async throws {
        try await withDirectory { path in
            var entry = JournalID(0)
            var places: [OutboxID] = []
            let outcomes: @Sendable (WorkerStore, JournalID) async throws -> [String?] = { store, entry in
                try await store.read { try $0.peerCalls(of: entry) }.map { "\($0.peer) \($0.outcome ?? "-")" }
            }
            try await reopening(path) { store in
                entry = try await store.write { try accepted($0.accept(newEntry("a"))) }
                places = try await store.write { [entry] transaction in
                    try ["one", "two", "three"].map { topic in
                        let place = try transaction.enqueue(
                            OutboxMessage(
                                orderingKey: "k", kind: .cast, exchange: "nova", routingKey: topic, isMandatory: true,
                                body: [1], instance: topic == "three" ? instanceA : instanceB))
                        try transaction.beginCast(entry, topic: topic, method: "m", place)
                        return place
                    }
                }
                #expect(
                    try await outcomes(store, entry) == ["one not sent yet", "two not sent yet", "three not sent yet"])
            }
            try await reopening(path) { [entry, places] store in
                try await store.write { transaction in
                    try transaction.endCast(places[0], outcome: "sent")
                    try transaction.endCast(places[1], outcome: "unroutable: NO_ROUTE")
                    #expect(try transaction.strikeCasts(of: instanceA) == 1)
                    // What has an end has no other.
                    for place in places { try transaction.endCast(place, outcome: "again") }
                }
                #expect(
                    try await outcomes(store, entry) == ["one sent", "two unroutable: NO_ROUTE", "three taken back"])
                #expect(try await store.read { try $0.peerCalls(of: entry) }.allSatisfy { $0.endedAt != nil })
                #expect(store.levels.outbox == 2)
            }
        }
    }

    @Test("one that the disk has changed is not shown as if it were true")
    func damaged() async throws {
        try await withStore { store, _ in
            let entry = try await store.write { try accepted($0.accept(newEntry("a"))) }
            try await store.write { transaction in
                let number = try transaction.beginPeerCall(entry, peer: "network", method: "m")
                try transaction.endPeerCall(entry, number, outcome: "timeout")
                try transaction.execute("UPDATE peer_call SET outcome = 'ok'", [])
            }
            #expect(try await store.read { try $0.peerCalls(of: entry) }.isEmpty)
        }
    }
}
