// SPDX-License-Identifier: Apache-2.0

internal import AMQP
internal import ComputeDriver
internal import ComputeManager
internal import ComputeModel
internal import FakeDriver
internal import FoundationEssentials
internal import Glibc
internal import LibvirtDriver

/// What the command line can ask for; every command of the program is one call here.
public enum Program {
    /// The program's version.
    public static let version = "0.1.0"

    /// The drivers of this build.
    static let driverTypes: [any ComputeDriver.Type] = [LibvirtDriver.self, FakeDriver.self]

    /// Reads and checks the configuration.
    ///
    /// - Parameters:
    ///   - files: in the order of the command line, the later wins; with no file and no directory, nova's usual places.
    ///   - debug: log debug messages, whatever the files say.
    /// - Throws: ``ProgramFailure`` of kind `configuration` that names every fault.
    public static func load(files: [String], directories: [String], debug: Bool) throws -> LoadedConfiguration {
        let resolved = resolve(files: files, directories: directories, debug: debug)
        do {
            let worker = try typed(resolved)
            return LoadedConfiguration(
                worker: worker, notes: resolved.warnings.map(\.description) + BrokerAdvice.notes(for: worker),
                ignored: resolved.ignored.map(\.description))
        } catch {
            throw ProgramFailure(.configuration, "\(error)")
        }
    }

    /// What `config show` prints, and whether anything in it is wrong; works on a faulty configuration too.
    public static func configurationReport(
        files: [String], directories: [String], debug: Bool
    ) -> (output: ToolOutput, isFaulty: Bool) {
        let resolved = resolve(files: files, directories: directories, debug: debug)
        var faults: ConfigurationFaults?
        do { _ = try typed(resolved) } catch { faults = error }
        let report = ConfigurationReport(resolved, faults: faults)
        return (
            ToolOutput(text: trimmed(report.table), json: trimmed(report.json)),
            isFaulty: !report.faults.isEmpty
        )
    }

    /// A commented configuration file with every option and its default.
    public static var sampleConfiguration: String { SampleConfiguration.text }

    /// The drivers and what each can do.
    public static var drivers: DocumentOutput {
        DriverListing(driverTypes, real: driverTypes.filter { $0 != FakeDriver.self }).output
    }

    /// The methods that the worker serves.
    public static var methods: DocumentOutput { InterfaceListing(FolsomDialect.table).output }

    /// Writes a line to standard error.
    public static func tell(_ line: String) { LogOutput().write(line + "\n") }

    /// Hands what was printed to the reader now, also where standard output is a pipe.
    public static func flushOutput() { _ = fflush(nil) }

    private static func resolve(files: [String], directories: [String], debug: Bool) -> ResolvedConfiguration {
        let environment = ProcessInfo.processInfo.environment
        var sources: [ConfigurationSource] = files.map { .file($0) } + directories.map { .directory($0) }
        if sources.isEmpty { sources = ConfigurationSource.standard(home: environment["HOME"]) }
        let overrides = debug ? [ResolvedConfiguration.Override(OptionName("DEFAULT", "debug"), "true", flag: "--debug")] : []
        return ResolvedConfiguration(
            sources: sources, environment: environment, overrides: overrides, facts: .current())
    }

    private static func typed(_ resolved: ResolvedConfiguration) throws(ConfigurationFaults) -> WorkerConfiguration {
        try WorkerConfiguration(
            resolved, drivers: driverTypes.map { $0.name.rawValue },
            transportURLFault: { text in
                do throws(TransportURLError) {
                    _ = try TransportURL(text)
                    return nil
                } catch {
                    return "\(error)"
                }
            })
    }

    private static func trimmed(_ text: String) -> String { text.hasSuffix("\n") ? String(text.dropLast()) : text }
}

/// A configuration without faults, and what is to be told about it.
public struct LoadedConfiguration: Sendable {
    let worker: WorkerConfiguration
    /// Deprecated spellings, a way to the broker that is open to others, and the like.
    let notes: [String]
    /// Settings that have no effect.
    let ignored: [String]
}
