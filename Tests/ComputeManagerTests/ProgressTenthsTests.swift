// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import Testing

@testable import ComputeManager

@Suite("When a long way leaves a line in the log")
struct ProgressTenthsTests {
    private func step(_ done: Int64) -> ProgressReporter.Progress {
        ProgressReporter.Progress(done: ByteCount(bytes: done), total: ByteCount(bytes: 100))
    }

    @Test("what is done in a moment leaves none, and shows how far it is all the same")
    func short() {
        let tenths = ProgressTenths()
        for done in stride(from: Int64(0), through: 90, by: 10) {
            #expect(tenths.news(step(done), at: .milliseconds(done)) == nil)
        }
        #expect(tenths.percent == 90)
    }

    @Test("what takes long leaves one for a new tenth, and no second one soon after")
    func long() {
        let tenths = ProgressTenths()
        #expect(tenths.news(step(0), at: .seconds(100)) == nil)
        #expect(tenths.news(step(10), at: .seconds(106)) == 10)
        #expect(tenths.news(step(20), at: .seconds(107)) == nil)
        #expect(tenths.news(step(25), at: .seconds(120)) == nil)
        #expect(tenths.news(step(30), at: .seconds(120)) == 30)
    }
}
