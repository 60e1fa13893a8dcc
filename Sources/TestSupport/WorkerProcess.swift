// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// The real program `compute-worker run`, with a configuration, a state and instances of its own in one directory.
///
/// It may be killed and started again with the same state. Who starts one ends it; if the tests die, it dies with them.
public final class WorkerProcess: Sendable {
    /// What stands in its nova.conf.
    public struct Settings: Sendable {
        public var host: String
        public var transportURL: String
        public var driver = "fake.FakeDriver"
        /// Further options by section; an option of the same name replaces the fixture's.
        public var options: [String: [String: String]] = [:]
        /// A program and its arguments that ends by becoming the worker, whose command line follows; empty for none.
        public var launcher: [String] = []

        public init(host: String, transportURL: String) {
            self.host = host
            self.transportURL = transportURL
        }
    }

    public let settings: Settings
    public let directory: URL
    private let process: ChildProcess

    /// The program: COMPUTE_WORKER_BINARY, or what was built beside the tests.
    public static var binary: URL {
        if let path = ProcessInfo.processInfo.environment["COMPUTE_WORKER_BINARY"] { return URL(fileURLWithPath: path) }
        let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        return tests.deletingLastPathComponent().appending(path: "compute-worker")
    }

    public static func configurationFile(in directory: URL) -> URL { directory.appending(path: "nova.conf") }
    public var configurationFile: URL { Self.configurationFile(in: directory) }
    public var instancesDirectory: URL { directory.appending(path: "instances") }
    public var imageDirectory: URL { directory.appending(path: "images") }
    public var database: URL { directory.appending(path: "state/journal/worker.sqlite") }

    public var pid: Int32 { process.pid }
    /// What it logged.
    public var log: LineLog { process.errors }
    public var output: LineLog { process.output }
    public var end: ChildProcess.End? { process.end }

    private init(_ settings: Settings, _ directory: URL, _ process: ChildProcess) {
        self.settings = settings
        self.directory = directory
        self.process = process
    }

    /// Starts a worker in a directory and returns when it says that it is ready.
    ///
    /// - Throws: `ChildProcess.Failure` with the end of its log if it does not.
    public static func start(
        _ settings: Settings, in directory: URL, within limit: Duration = .seconds(60)
    ) async throws -> WorkerProcess {
        let worker = try launch(settings, in: directory)
        guard await worker.isReady(within: limit) else {
            worker.kill(SIGKILL)
            throw ChildProcess.Failure(
                "the worker \(settings.host) is not ready after \(limit): \(worker.log.text(last: 30))")
        }
        return worker
    }

    /// Starts a worker and does not wait for anything.
    public static func launch(_ settings: Settings, in directory: URL) throws -> WorkerProcess {
        for place in [directory, directory.appending(path: "images")] {
            try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        }
        let file = try writeConfiguration(settings, in: directory)
        let command = settings.launcher + [binary.path, "run", "--config-file", file.path]
        let process = try ChildProcess(URL(fileURLWithPath: command[0]), Array(command.dropFirst()))
        process.closeInput()
        return WorkerProcess(settings, directory, process)
    }

    /// Writes nova.conf as ``launch(_:in:)`` does.
    @discardableResult
    public static func writeConfiguration(_ settings: Settings, in directory: URL) throws -> URL {
        var options: [String: [String: String]] = [
            "DEFAULT": [
                "host": settings.host, "transport_url": settings.transportURL, "control_exchange": "nova",
                "compute_driver": settings.driver, "state_path": "\(directory.path)/state",
                "instances_path": "\(directory.path)/instances", "my_ip": "127.0.0.1", "debug": "true",
            ],
            "oslo_messaging_notifications": ["driver": "messagingv2"],
            "compute_worker": ["image_directory": "\(directory.path)/images"],
        ]
        for (section, values) in settings.options { options[section, default: [:]].merge(values) { _, new in new } }
        var text = ""
        for section in options.keys.sorted() {
            text += "[\(section)]\n"
            for (key, value) in (options[section] ?? [:]).sorted(by: { $0.key < $1.key }) {
                text += "\(key) = \(value)\n"
            }
        }
        let file = configurationFile(in: directory)
        try Data(text.utf8).write(to: file)
        return file
    }

    /// Waits until it says that it is ready; false if it ended, or took longer.
    public func isReady(within limit: Duration = .seconds(60)) async -> Bool {
        await log.first(within: limit) { Self.saysReady($0) } != nil
    }

    /// The line that is told when the worker consumes.
    private static func saysReady(_ line: String) -> Bool { line.contains("ready") && line.contains("queues=") }

    public func kill(_ signal: Int32) { process.kill(signal) }

    public func wait(within limit: Duration = .seconds(30)) async throws -> ChildProcess.End {
        try await process.wait(within: limit)
    }

    /// Ends it in good order.
    @discardableResult
    public func stop(within limit: Duration = .seconds(60)) async throws -> ChildProcess.End {
        process.kill(SIGTERM)
        return try await process.wait(within: limit)
    }

    /// Ends it as a crash does.
    public func crash() async throws {
        process.kill(SIGKILL)
        _ = try await process.wait(within: .seconds(10))
    }

    /// Runs another command of the program with the same configuration.
    public func command(
        _ arguments: [String], environment: [String: String] = [:], within limit: Duration = .seconds(60)
    ) async throws -> (end: ChildProcess.End, output: String, errors: String) {
        try await ChildProcess.run(
            Self.binary, arguments + ["--config-file", configurationFile.path], environment: environment, within: limit)
    }
}
