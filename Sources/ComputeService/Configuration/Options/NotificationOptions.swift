// SPDX-License-Identifier: Apache-2.0

public import ComputeManager
public import ComputeModel
internal import Configuration

/// Which events are sent, in which form, and where to.
public struct NotificationOptions: Sendable, Equatable {
    /// `[oslo_messaging_notifications] driver`, each once and without `noop`; empty: no events are sent.
    public var drivers: [NotificationDriver]
    /// `[oslo_messaging_notifications] topics`.
    public var topics: [String]
    /// `[oslo_messaging_notifications] transport_url`; nil where the events go to the brokers of the casts.
    public var transportURL: Secret<String>?
    /// `[notifications] notify_on_state_change`; nil for never.
    public var stateChanges: UpdateNotifications.StateChange?
    /// `[DEFAULT] notify_on_any_change`.
    public var everyChange: Bool
    /// `[DEFAULT] instance_usage_audit_period`.
    public var auditPeriod: UsageAuditPeriod

    /// `[compute_worker] unroutable_notifications`.
    public var unroutable: RelayConfiguration.UnroutablePolicy

    init(config: ConfigReader) throws {
        let messaging = config.scoped(to: "oslo_messaging_notifications")
        drivers = []
        for name in messaging.stringArray(forKey: "driver", default: []) {
            guard let driver = NotificationDriver(rawValue: name), driver != .noop else { continue }
            if !drivers.contains(driver) { drivers.append(driver) }
        }
        topics = try messaging.requiredStringArray(forKey: "topics")
        transportURL = messaging.string(forKey: "transport_url", isSecret: true).map { Secret($0) }
        stateChanges = config.string(forKey: ["notifications", "notify_on_state_change"], as: UpdateNotifications.StateChange.self)
        everyChange = try config.requiredBool(forKey: "notify_on_any_change")
        unroutable = try config.scoped(to: "compute_worker").requiredString(
            forKey: "unroutable_notifications", as: RelayConfiguration.UnroutablePolicy.self)
        let period = try config.requiredString(forKey: "instance_usage_audit_period")
        auditPeriod = UsageAuditPeriod(period) ?? UsageAuditPeriod(.month)
    }
}
