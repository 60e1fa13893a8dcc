// SPDX-License-Identifier: Apache-2.0

/// Every option that the worker knows: the one list that parser, typed configuration, `config show` and sample read.
public struct OptionTable: Sendable {
    /// In the order in which they are shown.
    public let options: [ConfigurationOption]
    private let canonical: [OptionName: OptionName]
    private let variables: [String: OptionName]

    init(_ options: [ConfigurationOption]) {
        self.options = options
        var canonical: [OptionName: OptionName] = [:]
        var variables: [String: OptionName] = [:]
        for option in options {
            for name in [option.name] + option.aliases {
                canonical[name] = option.name
                variables[name.environmentVariable] = name
            }
        }
        self.canonical = canonical
        self.variables = variables
    }

    /// The options of the worker.
    public static let standard = OptionTable(
        hostOptions + driverOptions + managerOptions + periodicOptions + loggingOptions + brokerOptions + rabbitOptions
            + notificationOptions + imageOptions + libvirtOptions + vncOptions + fakeOptions + workerOptions)

    /// Today's name of the option that has this name or once had it.
    func canonicalName(of name: OptionName) -> OptionName? { canonical[name] }

    /// The option that an environment variable sets, also one that the table does not know; nil for a variable that is
    /// none of oslo.config's (`OS_<GROUP>__<OPTION>`).
    func name(ofEnvironmentVariable variable: String) -> OptionName? {
        if let name = variables[variable] { return name }
        guard variable.hasPrefix("OS_") else { return nil }
        let rest = Array(variable.utf8.dropFirst(3))
        let underscore = UInt8(ascii: "_")
        guard
            let split = rest.indices.dropLast().first(where: { rest[$0] == underscore && rest[$0 + 1] == underscore }),
            split > 0, split + 2 < rest.count
        else { return nil }
        let group = String(decoding: rest[..<split], as: UTF8.self)
        let key = String(decoding: rest[(split + 2)...], as: UTF8.self)
        return OptionName(group, key.lowercased())
    }
}
