// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

extension FolsomDialect {
    /// Questions.
    static let reads: [any MethodBinding] = [
        Reads(
            "get_console_output", since: first, GetConsoleOutput.self,
            parameters: [.instance, Parameter("tail_length", .any)], decode: consoleOutput),
        Reads(
            "get_host_uptime", since: first, GetHostUptime.self, parameters: [Parameter("host", .string)],
            decode: hostUptime),
    ]

    @Sendable
    private static func consoleOutput(_ reader: inout ArgumentReader) throws(ComputeFault) -> GetConsoleOutput.Arguments
    {
        let tail: GetConsoleOutput.Tail
        switch reader.value("tail_length") {
        case nil: tail = .all
        case .number(let number)?:
            tail = .lines(number.int ?? number.double.flatMap { Int(exactly: $0.rounded(.towardZero)) } ?? 0)
        case .string(let text)?: tail = .lines(Int(text.trimmed) ?? 0)
        case let other?: throw reader.wrong("tail_length", "a whole number, a numeric string or null", other)
        }
        return GetConsoleOutput.Arguments(instance: try reader.instance(), tail: tail)
    }

    /// Folsom's own client sends no host, though its server wanted one.
    @Sendable
    private static func hostUptime(_ reader: inout ArgumentReader) throws(ComputeFault) -> GetHostUptime.Arguments {
        _ = reader.value("host")
        return GetHostUptime.Arguments()
    }
}

extension String {
    /// Without white space at either end, as Python's `int()` reads numbers.
    fileprivate var trimmed: String {
        let isSpace = { (character: Character) in character.isWhitespace }
        return String(drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }
}
