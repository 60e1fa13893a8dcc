// SPDX-License-Identifier: Apache-2.0

public import Foundation
internal import Glibc
internal import Synchronization

/// A program that a test runs beside itself: its lines as they come, its end as an event.
public final class ChildProcess: Sendable {
    /// How a program ended.
    public enum End: Sendable, Hashable {
        case exited(Int32)
        case killed(signal: Int32)
    }

    public struct Failure: Error, CustomStringConvertible {
        public let description: String

        public init(_ description: String) { self.description = description }
    }

    private struct Ending {
        var end: End?
        var waiters: [Int: AsyncStream<End>.Continuation] = [:]
        var waitersMade = 0
    }

    public let pid: Int32
    public let output = LineLog()
    public let errors = LineLog()
    private let name: String
    private let input: Mutex<FileHandle?>
    private let ending = Mutex(Ending())

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - environment: added to the tests' own.
    ///   - directory: where it runs; the tests' own place if nil.
    public init(
        _ executable: URL, _ arguments: [String], environment: [String: String] = [:], directory: URL? = nil
    ) throws {
        signal(SIGPIPE, SIG_IGN)
        let process = Process()
        let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
        process.executableURL = executable
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        if let directory { process.currentDirectoryURL = directory }
        process.standardInput = stdin
        process.standardOutput = stdout
        process.standardError = stderr
        name = executable.lastPathComponent
        input = Mutex(stdin.fileHandleForWriting)
        Self.read(stdout.fileHandleForReading, into: output)
        Self.read(stderr.fileHandleForReading, into: errors)
        try process.runWithSignals()
        pid = process.processIdentifier
        ProcessReaper.shared.add(pid)
        process.terminationHandler = { [weak self] in self?.ended($0) }
        // Set after it ended, the handler is not called.
        if !process.isRunning { ended(process) }
    }

    /// Reads on a thread of its own: dispatch's sources do not outlive the closing of what they read without harm.
    private static func read(_ handle: FileHandle, into log: LineLog) {
        Thread.detachNewThread {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = Glibc.read(handle.fileDescriptor, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                log.append(buffer[..<count])
            }
            try? handle.close()
            log.close()
        }
    }

    private func ended(_ process: Process) {
        let end: End =
            process.terminationReason == .uncaughtSignal
            ? .killed(signal: process.terminationStatus) : .exited(process.terminationStatus)
        let waiters = ending.withLock { ending -> [AsyncStream<End>.Continuation] in
            guard ending.end == nil else { return [] }
            ending.end = end
            defer { ending.waiters = [:] }
            return Array(ending.waiters.values)
        }
        ProcessReaper.shared.remove(pid)
        for waiter in waiters {
            waiter.yield(end)
            waiter.finish()
        }
    }

    /// How it ended; nil while it runs.
    public var end: End? { ending.withLock { $0.end } }

    /// Waits for its end and for all that it wrote.
    ///
    /// - Throws: ``Failure`` with the end of what it wrote, if it runs longer than that; it is killed then.
    @discardableResult
    public func wait(within limit: Duration = .seconds(30)) async throws -> End {
        let (stream, continuation) = AsyncStream<End>.makeStream()
        ending.withLock { ending in
            if let end = ending.end {
                continuation.yield(end)
                continuation.finish()
            } else {
                ending.waitersMade += 1
                ending.waiters[ending.waitersMade] = continuation
            }
        }
        let end = await withTaskGroup(of: End?.self) { group in
            group.addTask { await stream.first { _ in true } }
            group.addTask {
                // The limit of a wait for an outside process, not a rhythm.
                try? await Task.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
        guard let end else {
            kill(SIGKILL)
            throw Failure("\(name) did not end within \(limit); it wrote: \(errors.text(last: 30))")
        }
        _ = await output.closed(within: .seconds(5))
        _ = await errors.closed(within: .seconds(5))
        return end
    }

    /// Sends a signal, if it still runs.
    public func kill(_ signal: Int32) {
        ending.withLock { if $0.end == nil { _ = Glibc.kill(pid, signal) } }
    }

    /// Writes a line to its standard input.
    public func write(line: String) throws {
        try input.withLock { try $0?.write(contentsOf: Data((line + "\n").utf8)) }
    }

    /// Ends its standard input.
    public func closeInput() {
        input.withLock { input in
            try? input?.close()
            input = nil
        }
    }

    /// Runs a program to its end.
    public static func run(
        _ executable: URL, _ arguments: [String], environment: [String: String] = [:], input: String? = nil,
        within limit: Duration = .seconds(60)
    ) async throws -> (end: End, output: String, errors: String) {
        let child = try ChildProcess(executable, arguments, environment: environment)
        if let input { try child.write(line: input) }
        child.closeInput()
        let end = try await child.wait(within: limit)
        return (end, child.output.text(), child.errors.text())
    }
}
