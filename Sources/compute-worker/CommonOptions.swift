// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ComputeService

/// Where the configuration is read from; the same for every command.
struct ConfigurationOptions: ParsableArguments {
    @Option(name: .long, help: "A configuration file (nova.conf's form); may be given several times, the later wins.")
    var configFile: [String] = []

    @Option(name: .long, help: "A directory whose *.conf files are read after the files, in the order of their names.")
    var configDir: [String] = []

    @Flag(name: .long, help: "Log debug messages, whatever the files say.")
    var debug = false

    /// The configuration, checked; what is wrong ends the program with status 78 and every fault named.
    func load() throws -> LoadedConfiguration {
        try CommandFailure.catching {
            try Program.load(files: configFile, directories: configDir, debug: debug)
        }
    }
}

/// For whom the output is.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table
    case json
}

/// What to send, and to whom; the same for `cast` and `call`.
struct RequestOptions: ParsableArguments {
    @Argument(help: "The method, by its wire name (reboot_instance).")
    var method: String

    @Option(name: .long, help: "The method's arguments: a JSON object.")
    var args: String?

    @Option(name: .long, help: "A file that holds the arguments; - for standard input. Secrets belong here, not in --args.")
    var argsFile: String?

    @Option(name: .long, help: "The RPC version to ask for.")
    var rpcVersion = "2.0"

    @Option(name: .long, help: "The topic; the worker's own by default.")
    var topic: String?

    @Option(name: .long, help: "The one host to serve it; without it, any host of the topic.")
    var server: String?

    @Option(name: .long, help: "Keys of the request context: a JSON object.")
    var context: String?

    @Flag(name: .long, help: "Write the message as Folsom's nova does, without oslo.messaging's envelope.")
    var flat = false

    func validate() throws {
        guard args == nil || argsFile == nil else {
            throw ValidationError("Give --args or --args-file, not both.")
        }
    }

    func request(isFanout: Bool = false) throws -> ToolRequest {
        try CommandFailure.catching {
            try ToolRequest(
                method: method, arguments: args, argumentsFile: argsFile, version: rpcVersion, topic: topic,
                server: server, isFanout: isFanout, context: context, isFlat: flat)
        }
    }
}

/// Ends the program with a status that says what sort of failure it was.
enum CommandFailure {
    /// Runs `body`; a ``ProgramFailure`` is told on standard error and becomes the exit status.
    static func catching<Result>(_ body: () throws -> Result) throws -> Result {
        do { return try body() } catch let failure as ProgramFailure { throw exit(failure) }
    }

    /// The same for asynchronous work.
    static func catching<Result>(_ body: () async throws -> Result) async throws -> Result {
        do { return try await body() } catch let failure as ProgramFailure { throw exit(failure) }
    }

    private static func exit(_ failure: ProgramFailure) -> ExitCode {
        Program.tell("compute-worker: \(failure)")
        return ExitCode(failure.status)
    }
}

/// The forms of an answer that docs/ keeps too.
enum DocumentFormat: String, ExpressibleByArgument, CaseIterable {
    case table
    case json
    case markdown

    func print(_ document: DocumentOutput) {
        switch self {
        case .table: Swift.print(document.text)
        case .json: Swift.print(document.json)
        case .markdown: Swift.print(document.markdown, terminator: "")
        }
    }
}
