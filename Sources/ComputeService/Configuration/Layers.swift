// SPDX-License-Identifier: Apache-2.0

/// The sources of a configuration laid over each other.
struct Layers {
    /// One source; names may repeat.
    private struct Layer {
        var values: [OptionName: [(value: String, origin: ConfigurationOrigin)]] = [:]
        var order: [OptionName] = []
        var isFile = false

        mutating func add(_ name: OptionName, _ value: String, _ origin: ConfigurationOrigin) {
            if values[name] == nil { order.append(name) }
            values[name, default: []].append((value, origin))
        }
    }

    /// Highest first.
    private let layers: [Layer]

    init(
        files: [INIFile], environment: [String: String], overrides: [ResolvedConfiguration.Override], table: OptionTable
    ) {
        var flags = Layer()
        for override in overrides { flags.add(override.name, override.value, .commandLine(flag: override.flag)) }
        var variables = Layer()
        for variable in environment.keys.sorted() {
            guard let value = environment[variable], let name = table.name(ofEnvironmentVariable: variable) else {
                continue
            }
            variables.add(name, value, .environment(variable: variable))
        }
        var result = [flags, variables]
        for file in files.reversed() {
            var layer = Layer(isFile: true)
            for entry in file.entries {
                layer.add(entry.name, entry.value, .file(path: file.path, line: entry.line))
            }
            result.append(layer)
        }
        layers = result
    }

    /// What counts for an option: of the highest source that has it, today's name before its older ones.
    ///
    /// A repeated option takes its values from all files, in their order; flags and environment replace them.
    func candidate(for option: ConfigurationOption, facts: HostFacts) -> Candidate {
        var found = Candidate(fallbackOf: option, facts: facts)
        let names = [option.name] + option.aliases
        for layer in layers {
            for name in names {
                guard let values = layer.values[name], let last = values.last else { continue }
                if !option.kind.isRepeated {
                    return Candidate(option: option, spelling: name, origin: last.origin, values: [last.value])
                }
                if !layer.isFile {
                    let elements = values.flatMap { OptionKind.elements(of: $0.value) }
                    return Candidate(option: option, spelling: name, origin: last.origin, values: elements)
                }
                if found.origin == .byDefault {
                    found = Candidate(option: option, spelling: name, origin: last.origin, values: [])
                }
                found.values = values.map(\.value) + found.values
            }
        }
        return found
    }

    /// The raw value of a key that the table does not know, from the highest source.
    func foreignValue(_ name: OptionName) -> String? {
        for layer in layers {
            if let value = layer.values[name]?.last?.value { return value }
        }
        return nil
    }

    /// Warnings about the spelling of an option: older names, and names that were overruled in the same source.
    func warnings(for candidate: Candidate) -> [ConfigurationWarning] {
        let option = candidate.option
        if case .ignored = option.standing { return [] }
        var result: [ConfigurationWarning] = []
        for layer in layers {
            for alias in option.aliases {
                for (_, origin) in layer.values[alias] ?? [] {
                    let isOverruled = layer.values[option.name] != nil && !option.kind.isRepeated
                    let reason =
                        isOverruled
                        ? "an older name of \(option.name), which is set as well and counts"
                        : "an older name; write \(option.name)"
                    result.append(ConfigurationWarning(key: alias, origin: origin, reason: reason))
                }
            }
        }
        return result
    }

    /// Every setting that is no option of the table, with the reason where one is known.
    func foreignSettings(table: OptionTable) -> [IgnoredSetting] {
        var result: [IgnoredSetting] = []
        for layer in layers.reversed() {
            for name in layer.order where table.canonicalName(of: name) == nil {
                for (_, origin) in layer.values[name] ?? [] {
                    result.append(ForeignOptions.setting(name, origin: origin, table: table))
                }
            }
        }
        return result
    }
}
