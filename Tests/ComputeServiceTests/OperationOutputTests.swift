// SPDX-License-Identifier: Apache-2.0

import ComputeManager
import ComputeModel
import Foundation
import Testing

@testable import ComputeService
@testable import WorkerStore

@Suite("Operations as an operator is shown them")
struct OperationOutputTests {
    private static let received = Timestamp(microseconds: 1_700_000_000_000_000)

    private static func line(
        step: String? = nil, lastError: String? = nil, outcome: JournalOutcome? = nil, isFinished: Bool = false
    ) -> JournalLine {
        JournalLine(
            id: JournalID(5), uniqueID: nil, method: "reboot_instance", operation: "reboot_instance",
            instance: InstanceID(bits: UniqueBits(high: 0, low: 9)), requestID: "req-1", expectsReply: true,
            receivedAt: received, step: step, attempts: 2, lastError: lastError, outcome: outcome,
            finishedAt: isFinished ? received : nil)
    }

    private static func turn(isEnding: Bool, progress: Int? = nil) -> RunningOperation {
        RunningOperation(
            id: JournalID(5), method: "reboot_instance", instance: nil, requestID: nil, begunAt: received,
            isResumed: false, isEnding: isEnding, progress: progress)
    }

    @Test("An operation's state is what it is at, or how it ended")
    func states() {
        #expect(OperationRow(line: Self.line()).state == "waiting")
        #expect(OperationRow(line: Self.line(), turn: Self.turn(isEnding: false)).state == "running")
        #expect(OperationRow(line: Self.line(), turn: Self.turn(isEnding: true)).state == "ending")
        #expect(OperationRow(line: Self.line(outcome: .cancelled)).state == "ending")
        for outcome in JournalOutcome.allCases {
            #expect(OperationRow(line: Self.line(outcome: outcome, isFinished: true)).state == outcome.rawValue)
        }
    }

    @Test(
        "A step is shown by its name in a table, and whole in JSON",
        arguments: [
            ("[\"spawning\"]", "spawning", "spawning"), ("\"spawning\"", "spawning", "spawning"),
            ("{\"rebooting\":{\"boot\":\"7\"}}", "rebooting", ["rebooting": ["boot": "7"]]),
            ("no JSON", "no JSON", "no JSON"),
        ] as [(String, String, JSONValue)])
    func steps(text: String, name: String, json: JSONValue) {
        let row = OperationRow(line: Self.line(step: text))
        #expect(row.stepName == name)
        #expect(row.json["step"] == json)
        #expect(ToolOutput([row], now: Self.received).text.contains(" \(name) "))
    }

    @Test("An error that an operation has overcome is not told as how it ended")
    func overcome() {
        for (outcome, words) in [(JournalOutcome.succeeded, "overcome: no room"), (.failed, "no room")] {
            let row = OperationRow(line: Self.line(lastError: "no room", outcome: outcome, isFinished: true))
            #expect(ToolOutput([row], now: Self.received).text.hasSuffix("2         \(words)"))
            #expect(ToolOutput(row, resources: [], now: Self.received).text.contains("last error  \(words)"))
            #expect(row.json["last_error"] == "no room")
        }
    }

    @Test("Long work shows how far it is")
    func progress() {
        let row = OperationRow(
            line: Self.line(step: "\"spawning\""), turn: Self.turn(isEnding: false, progress: 40))
        #expect(ToolOutput([row], now: Self.received).text.contains(" spawning 40 % "))
        #expect(ToolOutput(row, resources: [], now: Self.received).text.contains("progress    40 %"))
        #expect(row.json["progress"] == 40)
    }

    @Test("What others wrote moves no cursor and breaks no line")
    func plainText() {
        let row = OperationRow(line: Self.line(step: "a\u{1B}[2Jb", lastError: "one\ntwo\u{9B}31mthree\u{7F}"))
        let list = ToolOutput([row], now: Self.received)
        #expect(list.text.split(separator: "\n").count == 2)
        let show = ToolOutput(row, resources: [], now: Self.received)
        for text in [list.text, show.text, list.json, show.json] {
            #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || (0x20..<0x7F).contains($0.value) })
        }
        #expect(show.text.contains("last error  one two 31mthree"))
    }

    @Test(
        "An age is told in the two units that matter",
        arguments: [(0, "0s"), (59, "59s"), (72, "1m12s"), (3600, "1h0m"), (90_000, "1d1h"), (-5, "0s")])
    func ages(seconds: Int64, text: String) {
        #expect(Age.text(from: Self.received, to: Self.received.advanced(bySeconds: seconds)) == text)
    }
}
