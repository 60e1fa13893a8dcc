// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Reads what a guest wrote to its serial console. Nova: `get_console_output`.
enum GetConsoleOutput: ReadOnlyOperation {
    /// How much of it is wanted.
    enum Tail: Sendable, Hashable {
        case all
        /// The last lines; none for 0, all but the first ones for a negative number, as Python's slices read it.
        case lines(Int)
    }

    struct Arguments: Sendable {
        let instance: Instance
        let tail: Tail
    }

    static let name = OperationName(rawValue: "get_console_output")
    static let summary = "reads the serial console of an instance"
    static let needs: [DriverOperation] = [.consoleOutput]

    static func json(_ output: String) -> JSONValue { .string(output) }

    static func answer(_ arguments: Arguments, in context: ReadContext) async throws -> String {
        text(of: try await context.driver.consoleOutput(arguments.instance), tail: arguments.tail)
    }

    /// Nova's conversions: the last lines of the bytes, read as UTF-8, with `?` for all that is not ASCII.
    static func text(of bytes: [UInt8], tail: Tail) -> String {
        let decoded = String(decoding: lines(tail, of: bytes[...]), as: UTF8.self)
        if decoded.utf8.allSatisfy({ $0 < 0x80 }) { return decoded }
        return String(String.UnicodeScalarView(decoded.unicodeScalars.map { $0.isASCII ? $0 : "?" }))
    }

    private static func lines(_ tail: Tail, of bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let newline = UInt8(ascii: "\n")
        switch tail {
        case .all: return bytes
        case .lines(0): return []
        case .lines(let count) where count > 0:
            var wanted = count
            var start = bytes.endIndex
            while start > bytes.startIndex {
                if bytes[start - 1] == newline {
                    wanted -= 1
                    if wanted == 0 { break }
                }
                start -= 1
            }
            return bytes[start...]
        case .lines(let count):
            var dropped = count.magnitude
            var start = bytes.startIndex
            while dropped > 0, let end = bytes[start...].firstIndex(of: newline) {
                start = end + 1
                dropped -= 1
            }
            return dropped > 0 ? [] : bytes[start...]
        }
    }
}
