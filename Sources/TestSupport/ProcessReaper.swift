// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Synchronization

/// Kills the processes that tests started when the tests themselves are gone, however they went.
///
/// A shell reads the process ids from a pipe; the pipe's end means that nobody is left to end them.
final class ProcessReaper: Sendable {
    static let shared = ProcessReaper()

    private let pipe = Mutex<FileHandle?>(nil)

    private static let script = """
        pids=
        while read -r verb pid; do
            if [ "$verb" = add ]; then pids="$pids $pid"; else pids=$(echo " $pids " | sed "s/ $pid / /"); fi
        done
        for pid in $pids; do kill -KILL "$pid"; done
        """

    func add(_ pid: Int32) { write("add \(pid)\n") }
    func remove(_ pid: Int32) { write("remove \(pid)\n") }

    private func write(_ line: String) {
        pipe.withLock { pipe in
            if pipe == nil { pipe = try? Self.start() }
            try? pipe?.write(contentsOf: Data(line.utf8))
        }
    }

    private static func start() throws -> FileHandle {
        let process = Process()
        let input = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/setsid")
        process.arguments = ["/bin/sh", "-c", script]
        process.standardInput = input
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.runWithSignals()
        return input.fileHandleForWriting
    }
}
