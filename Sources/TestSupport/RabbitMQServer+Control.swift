// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Glibc

extension RabbitMQServer {
    /// Runs rabbitmqctl on this broker; returns what it printed.
    @discardableResult
    public func control(_ arguments: String...) async throws -> String {
        let program = "/usr/lib/rabbitmq/bin/rabbitmqctl"
        do {
            return try await run(program, ["-q"] + arguments)
        } catch let failure as Failure where failure.description.contains("requires the 'rabbit' app to be running") {
            // Its listeners open a moment before the broker calls itself started.
            _ = try await run(program, ["-q", "await_startup"])
            return try await run(program, ["-q"] + arguments)
        }
    }

    public func deleteQueue(_ name: String) async throws { try await control("delete_queue", name) }

    /// Lowers the memory bound so far that publishers are blocked, or puts it back.
    public func setMemoryAlarm(_ isOn: Bool) async throws {
        try await control("set_vm_memory_high_watermark", isOn ? "0.0000001" : "0.6")
    }

    public func addUser(_ name: String, password: String) async throws {
        try await control("add_user", name, password)
        try await control("set_permissions", name, ".*", ".*", ".*")
    }

    public func addVirtualHost(_ name: String) async throws {
        try await control("add_vhost", name)
        try await control("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
    }

    /// Closes all connections of clients, as an operator's close does.
    public func closeConnections(_ reason: String = "test") async throws {
        try await control("close_all_connections", reason)
    }

    /// Stops the broker's process in mid-air: its sockets stay open and nothing comes from them. `false` lets it go on.
    public func freeze(_ isFrozen: Bool = true) throws {
        let text = try String(contentsOf: directory.appendingPathComponent("pid"), encoding: .utf8)
        guard let pid = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw Failure(description: "the broker's pid file holds no number")
        }
        Glibc.kill(pid, isFrozen ? SIGSTOP : SIGCONT)
    }

    /// Messages that are ready and unacknowledged, by queue.
    public func queues() async throws -> [String: (ready: Int, unacknowledged: Int)] {
        let table = try await control(
            "list_queues", "--no-table-headers", "name", "messages_ready", "messages_unacknowledged")
        var result: [String: (ready: Int, unacknowledged: Int)] = [:]
        for line in table.split(separator: "\n") {
            let fields = line.split(separator: "\t")
            guard fields.count == 3, let ready = Int(fields[1]), let unacknowledged = Int(fields[2]) else { continue }
            result[String(fields[0])] = (ready, unacknowledged)
        }
        return result
    }

    /// Runs a program with the broker's environment; throws what it printed if it fails.
    func run(_ executable: String, _ arguments: [String]) async throws -> String {
        let process = Process()
        let output = directory.appendingPathComponent("command-\(UUID().uuidString)")
        guard FileManager.default.createFile(atPath: output.path, contents: nil) else {
            throw Failure(description: "cannot write to \(directory.path)")
        }
        let handle = try FileHandle(forWritingTo: output)
        defer {
            try? handle.close()
            try? FileManager.default.removeItem(at: output)
        }
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        process.environment = environment
        process.currentDirectoryURL = directory
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = handle
        process.standardError = handle
        let status: Int32 = try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do {
                try process.runWithSignals()
            } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
        }
        let text = try String(contentsOf: output, encoding: .utf8)
        guard status == 0 else {
            throw Failure(description: "\(executable) \(arguments.first ?? "") failed: \(text.suffix(1000))")
        }
        return text
    }
}

extension Process {
    /// Runs the program with all signals let through.
    ///
    /// Swift's own threads block nearly all of them, and a child inherits that: a shell would never hear of its
    /// children's ends, and a SIGTERM would end nobody.
    func runWithSignals() throws {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try run()
    }
}
