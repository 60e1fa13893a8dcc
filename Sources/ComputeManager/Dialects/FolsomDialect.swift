// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Folsom's compute RPC, version 2.2, with plain primitives.
public enum FolsomDialect {
    private static let first = RPCVersion(2, 0)

    public static let table = DialectTable(
        name: "nova-compute 2.2 (Folsom)", version: RPCVersion(2, 2),
        bindings: [
            Changes("run_instance", since: first, RunInstance.self, decode: runInstance),
            Changes("reboot_instance", since: first, RebootInstance.self, decode: rebootInstance),
            Changes("terminate_instance", since: first, TerminateInstance.self, decode: instance),
            Changes("start_instance", since: first, StartInstance.self, decode: instance),
            Changes("stop_instance", since: first, StopInstance.self, decode: instance),
            Changes("power_on_instance", since: first, PowerOnInstance.self, decode: instance),
            Changes("power_off_instance", since: first, PowerOffInstance.self, decode: instance),
            Reads("get_console_output", since: first, GetConsoleOutput.self, decode: consoleOutput),
            Reads("get_host_uptime", since: first, GetHostUptime.self, decode: hostUptime),
        ])

    @Sendable
    private static func instance(_ reader: inout ArgumentReader) throws(ComputeFault) -> InstanceArguments {
        InstanceArguments(instance: try reader.instance())
    }

    @Sendable
    private static func runInstance(_ reader: inout ArgumentReader) throws(ComputeFault) -> RunInstance.Arguments {
        RunInstance.Arguments(
            instance: try reader.instance(), requestSpec: try reader.object("request_spec"),
            filterProperties: try reader.object("filter_properties"),
            requestedNetworks: try reader.array("requested_networks") ?? [],
            injectedFiles: try injectedFiles(&reader),
            adminPassword: try reader.string("admin_password").map { Secret($0) },
            isFirstTime: try reader.bool("is_first_time", default: false))
    }

    /// Pairs of a path and base64 text.
    private static func injectedFiles(_ reader: inout ArgumentReader) throws(ComputeFault) -> Secret<[InjectedFile]> {
        var files: [InjectedFile] = []
        for element in try reader.array("injected_files") ?? [] {
            guard let pair = element.array, pair.count == 2, let path = pair[0].string, let text = pair[1].string else {
                throw reader.fault("argument 'injected_files' must be pairs of a path and base64 text")
            }
            files.append(InjectedFile(path: path, contents: text))
        }
        return Secret(files)
    }

    @Sendable
    private static func rebootInstance(_ reader: inout ArgumentReader) throws(ComputeFault) -> RebootInstance.Arguments
    {
        let text = try reader.string("reboot_type") ?? RebootType.soft.rawValue
        guard let type = RebootType(rawValue: text) else {
            throw reader.fault("argument 'reboot_type' must be SOFT or HARD")
        }
        return RebootInstance.Arguments(instance: try reader.instance(), type: type)
    }

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
