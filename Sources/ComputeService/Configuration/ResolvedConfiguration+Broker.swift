// SPDX-License-Identifier: Apache-2.0

internal import Configuration

extension ResolvedConfiguration {
    /// Folds Folsom's `rabbit_*` into `transport_url`, unless that is set.
    mutating func foldBrokerOptions() {
        let url = OptionTable.transportURL
        guard let index = settings.firstIndex(where: { $0.option.name == url }) else { return }
        let older = settings.filter { $0.option.standing == .superseded(by: url) }
        let written = older.filter { $0.origin != .byDefault }
        let isSet = settings[index].content != nil || isFaulty(settings[index])
        warnings += written.map { setting in
            ConfigurationWarning(
                key: setting.spelling, origin: setting.origin,
                reason: isSet ? "not used, because \(url) is set" : "Folsom's way to name the broker; write \(url)")
        }
        guard settings[index].content == nil else { return }
        let text = composedURL().text
        settings[index] = Setting(
            option: settings[index].option, spelling: url, origin: written.first?.origin ?? .byDefault,
            values: isSet ? [] : [text], holdsSecret: false, content: .string(text))
    }

    private mutating func composedURL() -> BrokerURL {
        let port = content("rabbit_port").int ?? 5672
        var endpoints = [BrokerURL.Endpoint(host: content("rabbit_host").string ?? "localhost", port: port)]
        if let setting = self["DEFAULT", "rabbit_hosts"], setting.origin != .byDefault {
            let hosts = content("rabbit_hosts").list
            let parsed = hosts.compactMap { BrokerURL.Endpoint($0, defaultPort: port) }
            if parsed.count != hosts.count || parsed.isEmpty {
                faults.append(
                    ConfigurationFault(
                        key: setting.spelling.description, origin: setting.origin,
                        reason: "an address in the value is not allowed; allowed: host:port, separated by commas"))
            } else {
                endpoints = parsed
            }
        }
        return BrokerURL(
            endpoints: endpoints, user: content("rabbit_userid").string ?? "guest",
            password: content("rabbit_password").string ?? "guest",
            virtualHost: content("rabbit_virtual_host").string ?? "/")
    }

    private func content(_ key: String) -> (string: String?, int: Int?, list: [String]) {
        switch self["DEFAULT", key]?.content {
        case .string(let value)?: (value, nil, [])
        case .int(let value)?: (nil, value, [])
        case .stringArray(let values)?: (nil, nil, values)
        default: (nil, nil, [])
        }
    }
}
