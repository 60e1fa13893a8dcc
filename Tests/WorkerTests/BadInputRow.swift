// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import TestSupport
import Testing

/// A row of the table in docs/BAD-INPUT.md: what is promised for an input.
struct BadInputRow {
    /// What a caller hears.
    enum Answer: Equatable {
        case none
        case result
        /// A failure, by the name of its class.
        case failure(String)
    }

    let input: BadInput
    let folsomAnswer: Answer
    let osloAnswer: Answer
    /// The counter that grows by one for a call, with its labels.
    let callCounter: String
    let castCounter: String
    /// The `x-reason` of the dead letter that a cast becomes, and a call that is not answered.
    let deadLetter: String?
    /// Whether an error notification tells of it, for a cast as for a call.
    let isTold: Bool

    static let file = PythonClient.projectDirectory.appending(path: "docs/BAD-INPUT.md")
    private static let header = [
        "input", "a Folsom caller hears", "an oslo.messaging caller hears", "counter for a call", "a cast",
        "counter for a cast", "`x-reason`",
    ]

    /// The rows of the table, each input once and all of them.
    static func all() throws -> [BadInputRow] {
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map { cells(of: $0) }
        let first = try #require(lines.firstIndex(of: header), "the table's header is another one")
        let rows = try lines[(first + 2)...].prefix { $0.count == header.count }.map { try BadInputRow($0) }
        try #require(rows.map(\.input.rawValue).sorted() == BadInput.allCases.map(\.rawValue).sorted())
        return rows
    }

    private static func cells(of line: Substring) -> [String] {
        guard line.hasPrefix("|") else { return [] }
        return line.dropFirst().dropLast().split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
    }

    private init(_ cells: [String]) throws {
        input = try #require(BadInput(rawValue: cells[0]), "no test sends \(cells[0])")
        folsomAnswer = try Self.answer(cells[1])
        osloAnswer = try Self.answer(cells[2])
        callCounter = try #require(Self.code(cells[3]))
        castCounter = try #require(Self.code(cells[5]))
        deadLetter = Self.code(cells[6])
        try #require(deadLetter != nil || cells[6] == "none", "\(cells[6])")
        switch cells[4] {
        case "put aside":
            isTold = false
            try #require(deadLetter != nil)
        case "error event":
            isTold = true
            try #require(deadLetter == nil)
        case "done":
            isTold = false
            try #require(deadLetter == nil)
        default: throw ChildProcess.Failure("\(cells[0]): what becomes of a cast is '\(cells[4])'")
        }
    }

    private static func answer(_ cell: String) throws -> Answer {
        switch cell {
        case "nothing": .none
        case "the result": .result
        default: .failure(try #require(code(cell), "\(cell)"))
        }
    }

    /// What stands in backquotes.
    private static func code(_ cell: String) -> String? {
        guard cell.count > 2, cell.hasPrefix("`"), cell.hasSuffix("`") else { return nil }
        return String(cell.dropFirst().dropLast())
    }
}
