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
