// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import Logging
internal import UnixSignals

/// Shows the counters to an operator: in a file at an interval, and in the log on SIGUSR2.
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
        for await _ in await UnixSignalsSequence(trapping: .sigusr2) {
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
        let failure: String?? = await DiskThread.run(name: "counters") {
            do {
                try Data(bytes).write(to: URL(filePath: path), options: .atomic)
                return nil
            } catch {
                return "\(error)"
            }
        }
        guard let reason = failure ?? "no thread can be started" else { return }
        logger.warning("the counters can't be written", metadata: ["path": "\(path)", "error": "\(reason)"])
    }
}
