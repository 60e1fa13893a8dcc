// SPDX-License-Identifier: Apache-2.0

/// What an operator decides about the periodic tasks; nil is off.
public struct PeriodicConfiguration: Sendable, Hashable {
    /// What is done with guests that run although their instance was deleted here.
    public enum RunningDeletedAction: String, Sendable, Hashable, CaseIterable {
        case noop, log, reap
    }

    /// How often tasks run that have no interval of their own.
    public var interval = Duration.seconds(60)
    public var fuzzyDelay = Duration.seconds(60)
    public var resourceInterval: Duration? = .seconds(60)
    /// How often the scheduler is told what the host has; nil where it is not told.
    public var reportInterval: Duration?
    /// How old what it is told may be.
    public var hostStateInterval = Duration.seconds(120)
    /// Whether the scheduler reads oslo.messaging's envelope.
    public var isEnveloped = false
    /// The host's address as the scheduler is told it.
    public var hostAddress = ""
    public var heartbeatInterval: Duration? = .seconds(10)
    public var buildTimeout: Duration?
    public var rebootTimeout: Duration?
    public var rescueTimeout: Duration?
    public var resizeConfirmWindow: Duration?
    public var reclaimInterval: Duration?
    public var runningDeletedAction = RunningDeletedAction.log
    public var runningDeletedInterval = Duration.seconds(1800)
    /// How long a guest may outlive its instance.
    public var runningDeletedTimeout = Duration.zero
    public var usageAudit = false
    public var bandwidthInterval: Duration? = .seconds(600)
    public var imageCacheInterval: Duration? = .seconds(2400)
    public var healInterval: Duration? = .seconds(60)

    public init() {}
}
