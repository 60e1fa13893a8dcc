// SPDX-License-Identifier: Apache-2.0

internal import Configuration

/// What the sources say about an option, before interpolation.
struct Candidate {
    /// Why an option has no value.
    struct Failure: Error {
        var fault: ConfigurationFault
        /// The options that refer to each other; empty where that is not what is wrong.
        var cycle: Set<OptionName> = []
    }

    let option: ConfigurationOption
    /// The name under which it was found; the option's own where it was not.
    var spelling: OptionName
    var origin: ConfigurationOrigin
    /// Raw; none where the option is not set and has no default.
    var values: [String]

    init(option: ConfigurationOption, spelling: OptionName, origin: ConfigurationOrigin, values: [String]) {
        self.option = option
        self.spelling = spelling
        self.origin = origin
        self.values = values
    }

    init(fallbackOf option: ConfigurationOption, facts: HostFacts) {
        let values: [String]
        switch option.fallback {
        case .nothing: values = []
        case .value(let value): values = [value]
        case .fact(let fact, _): values = [facts[fact]]
        }
        self.init(option: option, spelling: option.name, origin: .byDefault, values: values)
    }

    /// The value, interpolated and of the right type.
    func setting(interpolation: Interpolation) throws(Failure) -> ResolvedConfiguration.Setting {
        var texts: [String] = []
        var holdsSecret = false
        for value in values {
            do throws(Interpolation.Failure) {
                let outcome = try interpolation.apply(value, owner: option.name)
                texts.append(outcome.text)
                holdsSecret = holdsSecret || outcome.holdsSecret
            } catch {
                var cycle: Set<OptionName> = []
                if case .cycle(let chain) = error { cycle = Set(chain) }
                throw Failure(fault: fault(reason(for: error)), cycle: cycle)
            }
        }
        var content: ConfigContent?
        if let last = texts.last, !(last.isEmpty && isUnsetByEmptyText) {
            do throws(OptionKind.Refusal) {
                content = try option.kind.parse(texts)
            } catch {
                throw Failure(fault: fault(reason(for: error, isSecret: option.isSecret || holdsSecret)))
            }
        } else {
            texts = []
        }
        return ResolvedConfiguration.Setting(
            option: option, spelling: spelling, origin: origin, values: texts, holdsSecret: holdsSecret,
            content: content)
    }

    /// An optional option that is set to nothing is not set: sample files of old write `libvirt_uri=`.
    private var isUnsetByEmptyText: Bool { option.fallback == .nothing }

    func fault(_ reason: String) -> ConfigurationFault {
        ConfigurationFault(key: spelling.description, origin: origin, reason: reason)
    }

    private func reason(for refusal: OptionKind.Refusal, isSecret: Bool) -> String {
        if isSecret { return "the value (not shown, it is secret) is not allowed; allowed: \(option.kind.allowed)" }
        if let sentence = refusal.sentence { return "\(sentence); allowed: \(option.kind.allowed)" }
        let value = refusal.value.isEmpty ? "an empty value" : "'\(Printable.text(refusal.value))'"
        let text = "\(value) is not allowed; allowed: \(option.kind.allowed)"
        return refusal.suggestion.map { "\(text). Did you mean '\($0)'?" } ?? text
    }

    private func reason(for failure: Interpolation.Failure) -> String {
        switch failure {
        case .cycle(let chain):
            return "the value refers to itself: \(chain.map(\.description).joined(separator: " -> "))"
        case .unknown(let name?) where !option.isSecret:
            return "'$\(name)' in the value is no option; write $$ for a dollar sign,"
                + " and braces where a name ends: ${my_ip}.example"
        case .unknown:
            return "a name after a dollar sign in the value (not shown, it is secret) is no option;"
                + " write $$ for a dollar sign"
        }
    }
}
