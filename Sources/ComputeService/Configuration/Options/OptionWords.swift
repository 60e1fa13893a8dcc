// SPDX-License-Identifier: Apache-2.0

/// A form in which events are sent; the raw values are those of `[oslo_messaging_notifications] driver`.
public enum NotificationDriver: String, Sendable, Hashable, CaseIterable {
    /// Not at all.
    case noop
    /// oslo's format 1.0: a flat message with `_unique_id`.
    case messaging
    /// oslo's format 2.0: enveloped.
    case messagingv2
    /// Folsom's: a flat message without `_unique_id`.
    case rabbitNotifier = "rabbit_notifier"
}

/// The form of the fanout queue.
public enum FanoutQueueForm: String, Sendable, Hashable, CaseIterable {
    /// Folsom's: exclusive and auto-delete.
    case exclusive
    /// Today's: neither, but with `x-expires`.
    case expiring
}

/// How the worker logs in to the broker.
public enum LoginMethod: String, Sendable, Hashable, CaseIterable {
    case plain = "PLAIN"
    case amqPlain = "AMQPLAIN"
    case external = "EXTERNAL"
}
