// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

extension FolsomDialect {
    /// Questions.
    static let reads: [any MethodBinding] = [
        Binding(
            "get_console_output", since: first, GetConsoleOutput.self,
            parameters: [.instance, Parameter("tail_length", .any)], decode: consoleOutput),
        Binding(
            "get_host_uptime", since: first, GetHostUptime.self, parameters: [Parameter("host", .string)],
            decode: hostUptime),
        Binding("get_diagnostics", since: first, GetDiagnostics.self, decode: instance),
        Binding(
            "get_vnc_console", since: first, GetVNCConsole.self,
            parameters: [.instance, Parameter("console_type", .string, isRequired: true)], decode: vncConsole),
        Binding(
            "validate_console_port", since: first, ValidateConsolePort.self,
            parameters: [
                .instance, Parameter("port", .any, isRequired: true),
                Parameter("console_type", .string, isRequired: true),
            ], decode: consolePort),
        Binding(
            "get_console_pool_info", since: first, GetConsolePoolInfo.self,
            parameters: [Parameter("console_type", .string, isRequired: true)], decode: consolePool),
        Binding("get_console_topic", since: first, GetConsoleTopic.self, parameters: [], decode: consoleTopic),
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

    @Sendable
    private static func vncConsole(_ reader: inout ArgumentReader) throws(ComputeFault) -> GetVNCConsole.Arguments {
        GetVNCConsole.Arguments(instance: try reader.instance(), type: try consoleType(&reader))
    }

    @Sendable
    private static func consolePort(
        _ reader: inout ArgumentReader
    ) throws(ComputeFault) -> ValidateConsolePort.Arguments {
        let instance = try reader.instance()
        // Whatever kind it names, nova looks at the one screen that there is.
        _ = try reader.required("console_type")
        switch reader.value("port") {
        case .string(let text)?: return ValidateConsolePort.Arguments(instance: instance, port: text)
        case let value? where value.int != nil:
            return ValidateConsolePort.Arguments(instance: instance, port: "\(value.int ?? 0)")
        case nil: throw reader.fault("missing required argument 'port'")
        case let other?: throw reader.wrong("port", "a whole number or a string", other)
        }
    }

    @Sendable
    private static func consolePool(
        _ reader: inout ArgumentReader
    ) throws(ComputeFault) -> GetConsolePoolInfo.Arguments {
        GetConsolePoolInfo.Arguments(type: try reader.required("console_type"))
    }

    @Sendable
    private static func consoleTopic(_ reader: inout ArgumentReader) throws(ComputeFault) -> GetConsoleTopic.Arguments {
        GetConsoleTopic.Arguments()
    }

    private static func consoleType(_ reader: inout ArgumentReader) throws(ComputeFault) -> VNCConsoleType {
        let text = try reader.required("console_type")
        guard let type = VNCConsoleType(rawValue: text) else {
            throw ComputeFault(
                .consoleTypeInvalid, "Invalid console type \(text.prefix(64))",
                arguments: ["console_type": .string(String(text.prefix(64)))])
        }
        return type
    }
}

extension String {
    /// Without white space at either end, as Python's `int()` reads numbers.
    fileprivate var trimmed: String {
        let isSpace = { (character: Character) in character.isWhitespace }
        return String(drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }
}
