// SPDX-License-Identifier: Apache-2.0

public import Foundation
internal import Synchronization

/// A client of Tests/Clients: one JSON object a line in, one JSON object a line out, in the same order.
public final class PythonClient: Sendable {
    public let process: ChildProcess
    private let name: String
    private let asked = Mutex(0)

    /// The project's directory.
    public static var projectDirectory: URL { LibvirtServer.projectDirectory }

    /// The interpreter with the packages of Tests/Clients/requirements.txt; makes it where it is missing.
    public static func interpreter() async throws -> URL {
        let script = projectDirectory.appending(path: "scripts/make-venv.sh").path
        let path = try await LibvirtServer.execute("/bin/bash", [script])
        return URL(fileURLWithPath: path.split(separator: "\n").last.map(String.init) ?? path)
    }

    /// Starts a client and returns when it says that it is ready.
    public init(_ script: String, _ arguments: [String], python: URL) async throws {
        name = script
        let path = Self.projectDirectory.appending(path: "Tests/Clients/\(script)").path
        process = try ChildProcess(python, [path] + arguments, environment: ["PYTHONDONTWRITEBYTECODE": "1"])
        guard await process.output.first(within: .seconds(90), where: { _ in true }) != nil else {
            process.kill(SIGKILL)
            throw ChildProcess.Failure("\(script) does not start: \(process.errors.text(last: 20))")
        }
    }

    /// The client's answer to a command; both are JSON objects.
    public func ask(_ command: String, within limit: Duration = .seconds(60)) async throws -> String {
        let number = try asked.withLock { asked in
            try process.write(line: command)
            asked += 1
            return asked  // the line that says ready is number 0
        }
        guard let answer = await process.output.first(from: number, within: limit, where: { _ in true }) else {
            throw ChildProcess.Failure(
                "\(name) gave no answer to \(command.prefix(200)): \(process.errors.text(last: 20))")
        }
        return answer
    }

    /// Ends the client.
    public func stop() async throws {
        process.closeInput()
        _ = try await process.wait(within: .seconds(20))
    }
}
