// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ComputeService

@Suite("A log line is one line of plain text")
struct LogLineTests {
    @Test("Every control character is written as an escape, everything else as it is")
    func controls() {
        #expect(WorkerLogHandler.printable("née 日本 \\n") == "née 日本 \\n")
        #expect(WorkerLogHandler.printable("a\r\nb\tc") == "a\\r\\nb\\tc")
        #expect(WorkerLogHandler.printable("\u{1B}[2J\u{0}\u{7F}\u{8}") == "\\x1b[2J\\x00\\x7f\\x08")
        for byte in Array(UInt8(0)..<0x20) + [0x7F] {
            let text = WorkerLogHandler.printable("x" + String(decoding: [byte], as: UTF8.self) + "y")
            #expect(text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F })
            #expect(text.hasPrefix("x\\") && text.hasSuffix("y"))
        }
    }
}
