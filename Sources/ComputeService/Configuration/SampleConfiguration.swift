// SPDX-License-Identifier: Apache-2.0

/// The sample file, written from the option table.
public enum SampleConfiguration {
    /// A `nova.conf` that holds every option: those that must be chosen are set, all others are comments with their
    /// defaults.
    public static var text: String { text(of: .standard) }

    static func text(of table: OptionTable) -> String {
        var lines = [
            "# Sample configuration of compute-worker. Written from the option table; do not edit by hand.",
            "# Any nova.conf can be used as it is: names, sections and defaults are nova's, Folsom's and today's.",
            "# The environment comes before the file: OS_<GROUP>__<OPTION>, such as OS_DEFAULT__HOST.",
        ]
        var groups: [String] = []
        for option in table.options where !groups.contains(option.name.group) { groups.append(option.name.group) }
        for group in groups {
            lines += ["", "[\(group)]"]
            for option in table.options where option.name.group == group { lines += [""] + entry(option) }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func entry(_ option: ConfigurationOption) -> [String] {
        var lines = ["# \(option.help)", "# Allowed: \(option.kind.allowed)."]
        if !option.aliases.isEmpty {
            lines.append("# Older names: \(option.aliases.map(\.description).joined(separator: ", ")).")
        }
        switch option.standing {
        case .served, .checked: break
        case .superseded(let name): lines.append("# Write \(name) instead.")
        case .ignored(let reason): lines.append("# Ignored: \(reason).")
        }
        if let sample = option.sample {
            if case .value(let value) = option.fallback { lines.append("# Default: \(value)") }
            return lines + ["\(option.name.key) = \(sample)"]
        }
        switch option.fallback {
        case .nothing: lines.append("#\(option.name.key) =")
        case .value(let value): lines.append("#\(option.name.key) =\(value.isEmpty ? "" : " \(value)")")
        case .fact(_, let saying): lines += ["# Default: \(saying).", "#\(option.name.key) ="]
        }
        return lines
    }
}
