// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Logging
internal import UnixSignals

/// Shows the counters to an operator: in a file at an interval, and in the log on SIGUSR2, and on SIGUSR1, which nova
/// of old took for such a report.
struct Counters: Sendable {
    let registry: MetricsRegistry
    let options: LoggingOptions
    let logger: Logger
    /// Brings the gauges up to date.
    let measure: @Sendable () -> Void

    init(registry: MetricsRegistry, options: LoggingOptions, logger: Logger, measure: @escaping @Sendable () -> Void) {
        self.registry = registry
        self.options = options
        self.logger = logger
        self.measure = measure
    }

    /// Runs until the task is cancelled; the file then holds the last values.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await reportOnSignal() }
            group.addTask { await writeAtInterval() }
        }
        await write()
    }

    private func reportOnSignal() async {
        for await _ in await UnixSignalsSequence(trapping: .sigusr1, .sigusr2) {
            measure()
            for line in registry.text.split(separator: "\n") { logger.notice("counter \(line)") }
        }
    }

    private func writeAtInterval() async {
        guard options.countersFile != nil else { return }
        while !Task.isCancelled {
            await write()
            do { try await ContinuousClock().sleep(for: options.countersInterval) } catch { return }
        }
    }

    /// Writes a new file and renames it over the old one, so that a reader never sees half of it.
    private func write() async {
        guard let path = options.countersFile else { return }
        measure()
        let bytes = Array(registry.text.utf8)
        let code: Int32?? = await DiskThread.run(name: "counters") { Self.replace(path, by: bytes) }
        guard let code = code ?? EAGAIN else { return }
        let reason = String(cString: strerror(code))
        logger.warning("the counters can't be written", metadata: ["path": "\(path)", "error": "\(reason)"])
    }

    /// Returns the errno of what failed; nil for nothing.
    private static func replace(_ path: String, by bytes: [UInt8]) -> Int32? {
        let new = path + ".new"
        let file = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { return errno }
        var failure: Int32?
        var done = 0
        while done < bytes.count, failure == nil {
            let count = bytes[done...].withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count >= 0 { done += count } else if errno != EINTR { failure = errno }
        }
        if close(file) != 0, failure == nil { failure = errno }
        if failure == nil, rename(new, path) != 0 { failure = errno }
        if failure != nil { unlink(new) }
        return failure
    }
}
