// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A program that is run to its end by a thread that may block.
///
/// The program gets exactly the arguments given, no shell, no input, and an environment of its own. Nothing secret may
/// be among the arguments: everybody on the host can read them.
struct Subprocess: Sendable {
    /// How a program ended.
    enum Ending: Sendable, Hashable {
        case exit(Int32)
        case signal(Int32)
        /// Killed by us because the time was over.
        case timeout
        /// There is no such program, or the system could not start it (errno).
        case unstartable(Int32)
    }

    /// What came of a run.
    struct Outcome: Sendable {
        let ending: Ending
        /// The beginning of what the program wrote to both of its outputs.
        let output: String
    }

    private static let outputLimit = 65_536

    let program: String
    let arguments: [String]

    init(program: String, arguments: [String]) {
        self.program = program
        self.arguments = arguments
    }

    /// A program that is killed when the worker dies, however that comes: what it writes into is then the next
    /// start's to remove, and nobody would wait for its end.
    ///
    /// The kernel binds it to the thread that starts it, which is the one that waits in ``run(within:)``.
    init(dyingWithUs command: [String]) {
        self.init(program: "setpriv", arguments: ["--pdeathsig", "KILL", "--"] + command)
    }

    /// Runs the program; blocks the thread for at most `deadline` and the moment that killing takes.
    ///
    /// - Parameters:
    ///   - isEnded: Asked a few times a second; true has the program killed, as if its time were over.
    ///   - hearing: Told what the program writes, as it comes.
    func run(
        within deadline: Duration, isEnded: (() -> Bool)? = nil, hearing: ((String) -> Void)? = nil
    ) -> Outcome {
        var ends: [Int32] = [-1, -1]
        // A socket pair and not a pipe, because it is close-on-exec from its first moment: a program that another
        // thread starts meanwhile would hold the writing end open.
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { return Outcome(ending: .unstartable(errno), output: "") }
        let (readEnd, writeEnd) = (ends[0], ends[1])
        defer { close(readEnd) }
        let started = start(output: writeEnd)
        close(writeEnd)
        guard case .success(let process) = started else {
            if case .failure(let failure) = started { return Outcome(ending: .unstartable(failure.number), output: "") }
            return Outcome(ending: .unstartable(EINVAL), output: "")
        }
        let (output, isOver) = collect(from: readEnd, within: deadline, isEnded: isEnded, hearing: hearing)
        if isOver { kill(process, SIGKILL) }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        // What the macros WIFSIGNALED and WEXITSTATUS do.
        let signal = status & 0x7F
        let ending: Ending = isOver ? .timeout : signal != 0 ? .signal(signal) : .exit(status >> 8 & 0xFF)
        return Outcome(ending: ending, output: String(decoding: output, as: UTF8.self))
    }

    private struct StartFailure: Error { let number: Int32 }

    private func start(output: Int32) -> Result<pid_t, StartFailure> {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, output, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Signals that the worker blocks or ignores are the program's to take.
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C", "LC_ALL=C"]
        var process: pid_t = 0
        let result = Self.withCStrings([program] + arguments) { arguments in
            Self.withCStrings(environment) { environment in
                posix_spawnp(&process, program, &actions, &attributes, arguments, environment)
            }
        }
        return result == 0 ? .success(process) : .failure(StartFailure(number: result))
    }

    private func collect(
        from descriptor: Int32, within deadline: Duration, isEnded: (() -> Bool)?, hearing: ((String) -> Void)?
    ) -> (output: [UInt8], isOver: Bool) {
        let end = ContinuousClock.now + deadline
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let remaining = end - ContinuousClock.now
            guard remaining > .zero, isEnded?() != true else { return (output, true) }
            let milliseconds =
                remaining.components.seconds * 1000 + remaining.components.attoseconds / 1_000_000_000_000_000
            var waited = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let limit = isEnded == nil ? milliseconds + 1 : min(milliseconds + 1, 200)
            guard poll(&waited, 1, Int32(clamping: limit)) > 0 else { continue }
            let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count == 0 { return (output, false) }
            if count > 0, let hearing { hearing(String(decoding: buffer[..<count], as: UTF8.self)) }
            if count > 0, output.count < Self.outputLimit { output += buffer[..<count] }
        }
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        return pointers.withUnsafeMutableBufferPointer { buffer in
            // An array of at least the closing nil always has a base.
            body(UnsafePointer(buffer.baseAddress ?? UnsafeMutablePointer.allocate(capacity: 0)))
        }
    }
}
