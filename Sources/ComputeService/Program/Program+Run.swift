// SPDX-License-Identifier: Apache-2.0

internal import AMQP
internal import ComputeModel
internal import CoreMetrics
internal import Glibc
internal import Logging
internal import OsloMessaging
internal import ServiceLifecycle
internal import UnixSignals
internal import WorkerStore

extension Program {
    /// Serves until the process is told to stop.
    ///
    /// - Throws: ``ProgramFailure`` where the worker can't be what its configuration says.
    public static func run(_ configuration: LoadedConfiguration) async throws {
        // A peer that closes its end is an error of the write that meets it, not the end of the worker.
        signal(SIGPIPE, SIG_IGN)
        // Whoever asks for a report while the worker starts does not end it.
        for report in [SIGUSR1, SIGUSR2] { signal(report, SIG_IGN) }
        let worker = configuration.worker
        let output: LogOutput
        do throws(LogOutputError) {
            output = try worker.logging.file.map { path throws(LogOutputError) in try LogOutput(path: path) } ?? LogOutput()
        } catch {
            throw ProgramFailure(.configuration, "\(error)")
        }
        let makeLogger: @Sendable (String) -> Logger = { label in
            Logger(label: label) { label in
                WorkerLogHandler(
                    label: label, level: worker.logging.isDebug ? .debug : .info, usesJSON: worker.logging.isJSON,
                    output: output, clock: SystemWallClock())
            }
        }
        let registry = MetricsRegistry()
        MetricsSystem.bootstrap(registry)
        let logger = makeLogger("compute.service")
        for note in configuration.notes { logger.warning("configuration: \(note)") }
        for setting in configuration.ignored { logger.notice("configuration, ignored: \(setting)") }

        let service: Worker
        do {
            service = try Worker(worker, driver: DriverFactory.make(worker, makeLogger), makeLogger: makeLogger)
        } catch let error as StoreError {
            throw ProgramFailure(error)
        } catch let error as TransportURLError {
            throw ProgramFailure(.configuration, "\(error)")
        } catch let error as HostIdentityError {
            throw ProgramFailure(.configuration, "\(error)")
        }
        var group = ServiceGroupConfiguration(
            services: [.init(service: service)], gracefulShutdownSignals: [.sigterm, .sigint],
            logger: makeLogger("service.group"))
        let limit = worker.manager.gracefulShutdownTimeout
        // What runs is told to let go a little before the time is over, so that it can.
        group.maximumGracefulShutdownDuration = limit.map { $0 - min($0 / 4, .seconds(2)) }
        let services = ServiceGroup(configuration: group)
        let counters = Counters(registry: registry, options: worker.logging, logger: logger, measure: service.measure)
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await counters.run() }
                group.addTask { await boundStop(by: limit, service.stopNotice) }
                // Neither of the two ends before the services do, whose end is the program's.
                defer { group.cancelAll() }
                try await services.run()
            }
        } catch is CancellationError {
            return
        } catch let error as StoreError {
            throw ProgramFailure(error)
        } catch let error as BrokerError {
            throw ProgramFailure(.unavailable, "\(error)")
        } catch let error as HostHeld {
            throw ProgramFailure(.held, "\(error)")
        } catch let error as WorkerFailure {
            throw ProgramFailure(.failed, "\(error)")
        }
    }

    /// Ends the process on the second signal, and where a stop takes longer than it may: a call that never returns
    /// would hold it for ever, and the journal makes any moment safe.
    private static func boundStop(by limit: Duration?, _ notice: StopNotice) async {
        await withDiscardingTaskGroup { group in
            var isStopping = false
            for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
                if isStopping {
                    tell("compute-worker: stopped at once by the second signal; the journal has what is unfinished")
                    _exit(128 + signal.rawValue)
                }
                isStopping = true
                guard let limit else { continue }
                group.addTask {
                    do { try await ContinuousClock().sleep(for: limit) } catch { return }
                    notice.tell("not ended in time; the next start goes on with it")
                    tell("compute-worker: stopped after \(limit); the journal has what is unfinished")
                    _exit(0)
                }
            }
            group.cancelAll()
        }
    }
}
