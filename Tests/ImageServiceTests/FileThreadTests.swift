// SPDX-License-Identifier: Apache-2.0

@testable import ImageService
import ComputeModel
import Foundation
import Testing

@Suite("The thread for files", .timeLimit(.minutes(1)))
struct FileThreadTests {
    @Test("A disk that does not answer holds nobody who stops waiting, and no more calls than the limit")
    func stuck() async throws {
        let thread = FileThread(name: "test", limit: 2)
        let disk = DispatchSemaphore(value: 0)
        let (begun, begin) = AsyncStream<Void>.makeStream()
        let first = Task.immediate {
            try await thread.run {
                begin.yield()
                disk.wait()
                return 1
            }
        }
        for await _ in begun { break }
        let waiting = Task.immediate { try await thread.run { 2 } }
        let another = Task.immediate { try await thread.run { 3 } }
        let fault = await #expect(throws: ComputeFault.self) { try await thread.run { 4 } }
        #expect(fault?.kind == .unavailable)
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        disk.signal()
        #expect(try await first.value == 1)
        #expect(try await another.value == 3)
        #expect(try await thread.run { 5 } == 5)
    }

    @Test("A call of a task that is cancelled already is not made")
    func cancelledBefore() async {
        let thread = FileThread(name: "test")
        await withTaskGroup(of: Void.self) { group in
            group.cancelAll()
            group.addTask {
                _ = await #expect(throws: CancellationError.self) { try await thread.run { 1 } }
            }
        }
    }
}
