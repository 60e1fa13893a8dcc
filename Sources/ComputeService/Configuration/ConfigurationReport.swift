// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// What `config show` prints: every setting with its value and where that came from, secrets masked.
public struct ConfigurationReport: Sendable {
    /// One setting, as it may be shown.
    public struct Row: Sendable, Hashable {
        public let name: OptionName
        /// Masked where it is secret; nil where the option is not set.
        public let value: String?
        public let origin: ConfigurationOrigin
    }

    /// Every option that the worker uses, and Folsom's broker options where they are set.
    public let rows: [Row]
    public let warnings: [ConfigurationWarning]
    public let ignored: [IgnoredSetting]
    public let faults: [ConfigurationFault]

    /// - Parameter faults: those of the resolved configuration if nil, else those of the typed one.
    public init(_ resolved: ResolvedConfiguration, faults: ConfigurationFaults? = nil) {
        rows = resolved.settings.filter(Self.isShown).map {
            Row(name: $0.option.name, value: Self.masked($0), origin: $0.origin)
        }
        warnings = resolved.warnings
        ignored = resolved.ignored
        self.faults = faults?.faults ?? resolved.faults
    }

    private static func isShown(_ setting: ResolvedConfiguration.Setting) -> Bool {
        switch setting.option.standing {
        case .served, .checked: true
        case .superseded: setting.origin != .byDefault
        case .ignored: false
        }
    }

    private static func masked(_ setting: ResolvedConfiguration.Setting) -> String? {
        guard !setting.values.isEmpty else { return nil }
        let text = (setting.option.kind.isRepeated ? setting.values : setting.values.suffix(1)).joined(separator: ", ")
        if setting.option.kind == .url, !setting.holdsSecret { return Printable.text(BrokerURL.masked(text)) }
        return setting.isSecret ? "***" : Printable.text(text)
    }

    /// A table for people: key, value and source, then warnings, ignored settings and faults.
    public var table: String {
        let cells = rows.map { row in
            let value = row.value.map { $0.isEmpty ? "''" : $0 }
            return (row.name.description, value ?? "-", row.origin.description)
        }
        let header = ("KEY", "VALUE", "FROM")
        let keyWidth = (cells + [header]).map(\.0.count).max() ?? 0
        let valueWidth = min(48, (cells + [header]).map(\.1.count).max() ?? 0)
        var lines = ([header] + cells).map { key, value, origin in
            "\(Self.padded(key, keyWidth))  \(Self.padded(value, valueWidth))  \(origin)"
        }
        func section(_ title: String, _ entries: [String]) {
            guard !entries.isEmpty else { return }
            lines += ["", title] + entries.map { "  \($0)" }
        }
        section("Warnings", warnings.map(\.description))
        section("Ignored", ignored.map(\.description))
        section("Faults", faults.map(\.description))
        return lines.joined(separator: "\n") + "\n"
    }

    /// The same as one JSON object with `options`, `warnings`, `ignored` and `faults`.
    public var json: String {
        let document: JSONValue = [
            "options": .array(
                rows.map {
                    [
                        "group": .string($0.name.group), "key": .string($0.name.key), "value": JSONValue($0.value),
                        "from": .string($0.origin.description),
                    ]
                }),
            "warnings": .array(
                warnings.map {
                    [
                        "key": .string($0.key.description), "from": .string($0.origin.description),
                        "reason": .string($0.reason),
                    ]
                }),
            "ignored": .array(
                ignored.map {
                    [
                        "key": .string($0.key.description), "from": .string($0.origin.description),
                        "reason": .string($0.reason), "suggestion": JSONValue($0.suggestion?.description),
                    ]
                }),
            "faults": .array(
                faults.map {
                    [
                        "key": JSONValue($0.key), "from": JSONValue($0.origin?.description),
                        "reason": .string($0.reason),
                    ]
                }),
        ]
        return JSONWriter.text(document) + "\n"
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
