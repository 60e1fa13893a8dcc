// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

internal import Glibc

/// Where log lines go: standard error, or a file that is opened anew when a log rotation has moved it away.
final class LogOutput: Sendable {
    private struct State {
        var descriptor: Int32
        var inode: UInt64
    }

    private let path: String?
    private let state: Mutex<State>

    /// Standard error.
    init() {
        path = nil
        state = Mutex(State(descriptor: STDERR_FILENO, inode: 0))
    }

    /// A file, made with mode 0640 where it is not there.
    ///
    /// - Throws: ``LogOutputError`` where it can't be opened for appending.
    init(path: String) throws(LogOutputError) {
        self.path = path
        guard let opened = Self.open(path) else { throw LogOutputError(path: path, code: errno) }
        state = Mutex(opened)
    }

    deinit {
        guard path != nil else { return }
        state.withLock { _ = close($0.descriptor) }
    }

    /// Writes the whole line in one call, so that lines of several threads never mix.
    func write(_ line: String) {
        state.withLock { state in
            reopenIfMoved(&state)
            var line = line
            line.withUTF8 { bytes in
                var rest = UnsafeRawBufferPointer(bytes)
                while let base = rest.baseAddress, !rest.isEmpty {
                    let written = Glibc.write(state.descriptor, base, rest.count)
                    if written < 0, errno == EINTR { continue }
                    // A log that can't be written (a full disk) must not stop the work that it tells of.
                    guard written > 0 else { return }
                    rest = UnsafeRawBufferPointer(rebasing: rest[written...])
                }
            }
        }
    }

    private func reopenIfMoved(_ state: inout State) {
        guard let path else { return }
        var status = stat()
        if stat(path, &status) == 0, UInt64(status.st_ino) == state.inode { return }
        guard let opened = Self.open(path) else { return }
        close(state.descriptor)
        state = opened
    }

    private static func open(_ path: String) -> State? {
        let descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { return nil }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        return State(descriptor: descriptor, inode: UInt64(status.st_ino))
    }
}

/// A log file that can't be opened.
struct LogOutputError: Error, CustomStringConvertible {
    let path: String
    let code: Int32

    var description: String {
        "the log file \(path) can't be opened (\(String(cString: strerror(code)))): check log_file and log_dir"
    }
}
