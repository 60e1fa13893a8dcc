// SPDX-License-Identifier: Apache-2.0

@testable import ComputeManager
import ComputeModel
import Testing
import WorkerStore

@Suite("Lanes")
final class LaneTableTests {
    private var table = LaneTable(slots: [.build: 2, .change: 2], bufferLimit: 100)

    private func item(
        _ number: Int64, _ instance: UInt64?, slot: SlotKind = .change, terminates: Bool = false, size: Int = 10,
        step: [UInt8]? = nil
    ) -> LaneTable.Item {
        LaneTable.Item(
            entry: JournalEntry(
                id: JournalID(number), form: .flat, method: "m", version: "2.0", operation: "o",
                instance: instance.map { InstanceID(bits: UniqueBits(high: 0, low: $0)) },
                receivedAt: Timestamp(microseconds: 0), step: step, body: [UInt8](repeating: 0, count: size)),
            slot: slot, supersedesEarlier: terminates, isResumed: false)
    }

    private func started() -> [LaneTable.Start] {
        var starts: [LaneTable.Start] = []
        while let start = table.next(at: Timestamp(microseconds: 0)) { starts.append(start) }
        return starts
    }

    @Test("One instance's requests have their turns one after the other, in order")
    func order() {
        for number in 1...5 { _ = table.add(item(Int64(number), 1)) }
        var order: [Int64?] = []
        while let start = table.next(at: Timestamp(microseconds: 0)) {
            #expect(table.next(at: Timestamp(microseconds: 0)) == nil)
            order.append(start.item.entry?.id.value)
            table.finished(start)
        }
        #expect(order == [1, 2, 3, 4, 5])
        #expect(table.waitingCount == 0)
        #expect(table.runningCount == 0)
    }

    @Test("A visit has its turn behind what is in the lane and before what comes later, and takes no request's slot")
    func visit() throws {
        let id = InstanceID(bits: UniqueBits(high: 0, low: 1))
        table = LaneTable(slots: [.change: 2, .visit: 1], bufferLimit: 100)
        for number in 1...2 { _ = table.add(item(Int64(number), 1)) }
        _ = table.add(LaneTable.Item(visiting: id) {})
        _ = table.add(item(3, 1))
        var order: [Int64?] = []
        while let start = table.next(at: Timestamp(microseconds: 0)) {
            #expect(table.next(at: Timestamp(microseconds: 0)) == nil)
            order.append(start.item.entry?.id.value)
            table.finished(start)
        }
        #expect(order == [1, 2, nil, 3])
        for number in 2...3 {
            _ = table.add(LaneTable.Item(visiting: InstanceID(bits: UniqueBits(high: 0, low: UInt64(number)))) {})
        }
        for number in 4...5 { _ = table.add(item(Int64(number), UInt64(number))) }
        #expect(started().map(\.item.entry?.id.value) == [4, 5, nil])
    }

    @Test("Different instances run side by side up to the slots, and the longest waiting is next")
    func slots() {
        for number in 1...4 { _ = table.add(item(Int64(number), UInt64(number))) }
        let first = started()
        #expect(first.map(\.item.entry?.id.value) == [1, 2])
        table.finished(first[1])
        #expect(started().map(\.item.entry?.id.value) == [3])
        table.finished(first[0])
        #expect(started().map(\.item.entry?.id.value) == [4])
    }

    @Test("A slot can be given on before the turn is over, once; the lane stays shut until then")
    func freedSlot() {
        for number in 1...5 { _ = table.add(item(Int64(number), UInt64(number))) }
        _ = table.add(item(6, 1))
        let first = started()
        #expect(first.count == 2)
        table.freeSlot(first[0])
        table.freeSlot(first[0])
        #expect(started().map(\.item.entry?.id.value) == [3])
        #expect(table.runningCount == 3)
        table.finished(first[0])
        #expect(table.next(at: Timestamp(microseconds: 0)) == nil)
        table.finished(first[1])
        #expect(started().map(\.item.entry?.id.value) == [4])
    }

    @Test("Builds and other operations have slots of their own")
    func kinds() {
        for number in 1...3 { _ = table.add(item(Int64(number), UInt64(number), slot: .build)) }
        _ = table.add(item(4, 4))
        #expect(Set(started().map(\.item.entry?.id.value)) == [1, 2, 4])
    }

    @Test("A request that names no instance waits for nobody")
    func nameless() {
        _ = table.add(item(1, nil))
        _ = table.add(item(2, nil))
        #expect(started().count == 2)
    }

    @Test("A terminate interrupts what runs and marks what waits before it, not what comes after")
    func terminate() throws {
        _ = table.add(item(1, 1))
        let next = table.next(at: Timestamp(microseconds: 0))
        let running = try #require(next)
        _ = table.add(item(2, 1))
        let interrupted = table.add(item(3, 1, terminates: true))
        let token = try #require(interrupted)
        #expect(token === running.token)
        _ = table.add(item(4, 1))
        table.finished(running)
        var marks: [Bool] = []
        while let start = table.next(at: Timestamp(microseconds: 0)) {
            marks.append(start.isSuperseded)
            #expect(!start.token.isInterrupted || start.isSuperseded)
            table.finished(start)
        }
        #expect(marks == [true, false, false])
    }

    @Test("A second terminate interrupts no first one")
    func twoTerminates() {
        _ = table.add(item(1, 1, terminates: true))
        _ = started()
        #expect(table.add(item(2, 1, terminates: true)) == nil)
    }

    @Test("What was under way before a restart is undone, not skipped, when a terminate waits behind it")
    func underWay() throws {
        _ = table.add(item(1, 1, step: [1]))
        _ = table.add(item(2, 1))
        _ = table.add(item(3, 1, terminates: true))
        let next = table.next(at: Timestamp(microseconds: 0))
        let start = try #require(next)
        #expect(!start.isSuperseded)
        #expect(start.token.isInterrupted)
    }

    @Test("A superseded build needs no build slot, so that its terminate gets in")
    func supersededBuild() {
        for number in 1...3 { _ = table.add(item(Int64(number), UInt64(number), slot: .build)) }
        #expect(started().count == 2)
        _ = table.add(item(4, 3, terminates: true))
        let next = started()
        #expect(next.map(\.item.entry?.id.value) == [3])
        #expect(next.first?.isSuperseded == true)
    }

    @Test("A request that was left keeps its lane shut and gives its slot back")
    func abandoned() throws {
        _ = table.add(item(1, 1))
        let next = table.next(at: Timestamp(microseconds: 0))
        let start = try #require(next)
        _ = table.add(item(2, 1))
        table.abandoned(start)
        #expect(table.next(at: Timestamp(microseconds: 0)) == nil)
        for number in 3...4 { _ = table.add(item(Int64(number), UInt64(number))) }
        #expect(started().count == 2)
    }

    @Test("Bodies beyond the limit stay in the journal; room that a turn frees is used again")
    func buffers() {
        for number in 1...3 { _ = table.add(item(Int64(number), UInt64(number), size: 40)) }
        let first = started()
        #expect(first.map { $0.item.entry?.body != nil } == [true, true])
        _ = table.add(item(4, 4, size: 40))
        for start in first { table.finished(start) }
        #expect(started().map { $0.item.entry?.body != nil } == [false, true])
    }

    @Test("A queue keeps its order through growth and shrinking")
    func queue() {
        var queue = Queue<Int>()
        var next = 0
        for number in 0..<1000 {
            queue.append(number)
            if number % 3 == 0 {
                #expect(queue.popFirst() == next)
                next += 1
            }
        }
        while let number = queue.popFirst() {
            #expect(number == next)
            next += 1
        }
        #expect(next == 1000)
        #expect(queue.isEmpty)
        #expect(queue.first == nil)
    }
}
