// SPDX-License-Identifier: Apache-2.0

internal import Configuration

/// All settings of all sources, laid over each other and interpolated, before ``WorkerConfiguration`` gives them types.
///
/// It exists also where something is wrong, so that `config show` can show it. Highest first: overrides (flags of the
/// command line), the environment, the sources from the last to the first, defaults.
public struct ResolvedConfiguration: Sendable {
    /// A flag of the command line that sets an option.
    public struct Override: Sendable, Hashable {
        public var name: OptionName
        public var value: String
        /// The flag as the user writes it, such as `--debug`.
        public var flag: String

        public init(_ name: OptionName, _ value: String, flag: String) {
            self.name = name
            self.value = value
            self.flag = flag
        }
    }

    /// An option with the value that counts.
    public struct Setting: Sendable {
        public let option: ConfigurationOption
        /// The name under which it was found.
        public let spelling: OptionName
        public let origin: ConfigurationOrigin
        /// The value after interpolation; empty where the option has none, or a wrong one.
        public let values: [String]
        /// Whether the value of a secret option was put into it.
        public let holdsSecret: Bool
        let content: ConfigContent?

        /// Whether the value must not be shown as it is.
        public var isSecret: Bool { option.isSecret || holdsSecret }
    }

    /// Every option of the table, in its order.
    public internal(set) var settings: [Setting] = []
    public internal(set) var warnings: [ConfigurationWarning] = []
    public internal(set) var ignored: [IgnoredSetting] = []
    public internal(set) var faults: [ConfigurationFault] = []

    /// Reads and lays the sources over each other; what goes wrong stands in ``faults``.
    ///
    /// - Parameters:
    ///   - sources: files and directories in the order of the command line.
    ///   - environment: the process's environment variables.
    ///   - overrides: flags of the command line.
    ///   - facts: what defaults need to know about the machine.
    public init(
        sources: [ConfigurationSource],
        environment: [String: String] = [:],
        overrides: [Override] = [],
        facts: HostFacts
    ) {
        var files: [INIFile] = []
        var faults: [ConfigurationFault] = []
        for source in sources {
            do throws(ConfigurationFault) {
                for path in try source.files() {
                    files.append(INIFile(path: path, bytes: try ConfigurationSource.read(path)))
                }
            } catch {
                faults.append(error)
            }
        }
        self.init(files: files, environment: environment, overrides: overrides, facts: facts, faults: faults)
    }

    init(
        files: [INIFile],
        environment: [String: String],
        overrides: [Override] = [],
        facts: HostFacts,
        faults: [ConfigurationFault] = []
    ) {
        self.faults = faults + files.flatMap(\.faults)
        let table = OptionTable.standard
        let layers = Layers(files: files, environment: environment, overrides: overrides, table: table)
        let candidates = table.options.map { layers.candidate(for: $0, facts: facts) }
        let raw = Dictionary(uniqueKeysWithValues: candidates.map { ($0.option.name, $0) })
        let interpolation = Interpolation { name in
            if let candidate = raw[table.canonicalName(of: name) ?? name] {
                return (candidate.option.name, candidate.values.joined(separator: ","), candidate.option.isSecret)
            }
            return layers.foreignValue(name).map { (name, $0, false) }
        }
        let fallbacks = Dictionary(
            uniqueKeysWithValues: table.options.map { ($0.name, Candidate(fallbackOf: $0, facts: facts)) })
        let defaults = Interpolation { name in
            fallbacks[table.canonicalName(of: name) ?? name].map {
                ($0.option.name, $0.values.joined(separator: ","), $0.option.isSecret)
            }
        }
        var cycles: Set<Set<OptionName>> = []
        for candidate in candidates {
            add(candidate, interpolation: interpolation, defaults: defaults, facts: facts, cycles: &cycles)
        }
        foldBrokerOptions()
        warnings += candidates.flatMap { layers.warnings(for: $0) }
        ignored = layers.foreignSettings(table: table) + candidates.compactMap(Self.ignoredSetting)
    }

    /// The setting of an option; nil if the table has no such option.
    public subscript(_ group: String, _ key: String) -> Setting? {
        let name = OptionName(group, key)
        return settings.first { $0.option.name == name }
    }

    /// Whether a fault was found in an option's value.
    func isFaulty(_ setting: Setting) -> Bool {
        faults.contains { $0.key == setting.spelling.description && $0.origin == setting.origin }
    }

    /// Interpolates and parses one option; where that fails, a fault is noted and the default takes its place.
    ///
    /// A default that fails does so because of another option, which has the fault; a cycle is told once.
    private mutating func add(
        _ candidate: Candidate, interpolation: Interpolation, defaults: Interpolation, facts: HostFacts,
        cycles: inout Set<Set<OptionName>>
    ) {
        let option = candidate.option
        do throws(Candidate.Failure) {
            settings.append(try candidate.setting(interpolation: interpolation))
        } catch {
            var isIgnored = false
            if case .ignored = option.standing { isIgnored = true }
            if candidate.origin != .byDefault, !isIgnored,
                error.cycle.isEmpty || cycles.insert(error.cycle).inserted
            {
                faults.append(error.fault)
            }
            let fallback = try? Candidate(fallbackOf: option, facts: facts).setting(interpolation: defaults)
            settings.append(
                Setting(
                    option: option, spelling: candidate.spelling, origin: candidate.origin,
                    values: [], holdsSecret: false, content: fallback?.content))
        }
    }

    private static func ignoredSetting(_ candidate: Candidate) -> IgnoredSetting? {
        guard candidate.origin != .byDefault, case .ignored(let reason) = candidate.option.standing else { return nil }
        return IgnoredSetting(key: candidate.spelling, origin: candidate.origin, reason: reason)
    }
}
