// SPDX-License-Identifier: Apache-2.0

internal import Configuration

/// Collects what is wrong with settings that are each of the right type.
struct ConfigurationCheck {
    private let resolved: ResolvedConfiguration
    /// Those of the resolved configuration first.
    private(set) var faults: [ConfigurationFault]

    init(_ resolved: ResolvedConfiguration) {
        self.resolved = resolved
        faults = resolved.faults
    }

    /// The driver that is named; an empty text, and a fault, where none is.
    mutating func driver(computeDriver: String?, connectionType: String?, known: [String]) -> String {
        do throws(ComputeDriverName.Failure) {
            return try ComputeDriverName.resolve(
                computeDriver: computeDriver, connectionType: connectionType, known: known)
        } catch {
            var name = OptionName("DEFAULT", "compute_driver")
            if case .unknownConnectionType = error { name = OptionName("DEFAULT", "connection_type") }
            note(name, error.reason(known: known))
            return ""
        }
    }

    mutating func transportURL(_ url: String, of name: OptionName, with check: (String) -> String?) {
        if let reason = check(url) { note(name, reason) }
    }

    /// Settings that must agree with each other.
    mutating func pairs(of configuration: WorkerConfiguration) {
        let low = OptionName("compute_worker", "intake_low_water")
        if configuration.store.intakeLowWater >= configuration.store.intakeHighWater {
            note(
                low,
                "it must be below [compute_worker] intake_high_water, which is \(configuration.store.intakeHighWater)")
        }
        if let tls = configuration.messaging.connection.tls, (tls.certificateFile == nil) != (tls.keyFile == nil) {
            let missing = tls.keyFile == nil ? "ssl_key_file" : "ssl_cert_file"
            let present = tls.keyFile == nil ? "ssl_cert_file" : "ssl_key_file"
            note(
                OptionName("oslo_messaging_rabbit", present),
                "it needs [oslo_messaging_rabbit] \(missing) as well, which is not set")
        }
        let queues = configuration.messaging.queues
        if queues.isQuorum, queues.isMirrored {
            note(OptionName("oslo_messaging_rabbit", "rabbit_ha_queues"), "it excludes rabbit_quorum_queue")
        }
        if queues.isTransientQuorum, queues.fanout == .exclusive {
            note(
                OptionName("oslo_messaging_rabbit", "rabbit_transient_quorum_queue"),
                "it needs [compute_worker] fanout_queue = expiring: a quorum queue cannot be exclusive")
        }
    }

    /// Settings that a worker can't pass over without missing messages.
    mutating func unserved() {
        for key in ["rabbit_stream_fanout", "use_queue_manager"] {
            let name = OptionName("oslo_messaging_rabbit", key)
            guard case .bool(true)? = resolved[name.group, name.key]?.content else { continue }
            note(name, "it is not served; remove it or set it to false, here and in the services that cast")
        }
    }

    private mutating func note(_ name: OptionName, _ reason: String) {
        let setting = resolved[name.group, name.key]
        let origin = setting.flatMap { $0.origin == .byDefault ? nil : $0.origin }
        let key = (setting?.spelling ?? name).description
        guard !faults.contains(where: { $0.key == key }) else { return }
        faults.append(ConfigurationFault(key: key, origin: origin, reason: reason))
    }
}
