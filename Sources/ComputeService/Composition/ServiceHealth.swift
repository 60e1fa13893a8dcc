// SPDX-License-Identifier: Apache-2.0

internal import AMQP
internal import ComputeManager
internal import ComputeModel
internal import OsloMessaging

/// How a worker fares: what it stands on, part by part, and whether it takes casts and can do them.
struct ServiceHealth: Sendable, Equatable {
    /// A connection to the broker.
    enum Link: Sendable, Equatable {
        /// Not made yet, since the start.
        case starting
        case up
        /// The broker takes nothing from publishers, for this reason; deliveries come.
        case blocked(String)
        /// Gone, and tried again.
        case down(BrokerError)
        case closed
    }

    var host: String
    var consuming = Link.starting
    var publishing = Link.starting
    /// Nil where events take the same way as the rest.
    var notifying: Link?
    /// The queues that are consumed; empty while none is.
    var queues: [String] = []
    /// What the last message to ourselves has shown; nil before the first.
    var loopback: LoopbackReport?
    /// Failures in a row from which on the way through the broker counts as broken.
    var loopbackLimit = 2
    /// Another worker that serves the host.
    var rival: HostHolder?
    /// Includes whether the journal can be written.
    var intake = IntakeState.starting
    /// Why the journal can't be written, as a look has shown that no request waited for.
    var journalFault: String?
    /// Why there is no room for the disks of instances.
    var instancesFault: String?
    /// Since when and why the hypervisor can't be asked; nil where it can, or where nobody has told.
    var hypervisorOutage: HypervisorOutage?
    /// It was told to stop.
    var isStopping = false

    init(host: String) { self.host = host }

    /// Whether it takes casts and can tell what came of them.
    var isReady: Bool { reasons.isEmpty }

    /// Why it is not ready, with what may help; empty for one that is.
    var reasons: [String] {
        if isStopping { return ["stopping"] }
        var reasons: [String] = []
        switch consuming {
        case .starting: reasons.append("not connected to the broker yet")
        case .down(let error): reasons.append("not consuming: \(BrokerAdvice.sentence(for: error))")
        case .closed: reasons.append("the connection that consumes was closed")
        case .up, .blocked: break
        }
        if let rival { reasons.append("another worker serves this host: \(rival)") }
        if case .down(let error) = publishing, consuming != .down(error) {
            reasons.append("not publishing: \(BrokerAdvice.sentence(for: error))")
        }
        if let loopback, loopback.failures >= loopbackLimit {
            reasons.append("\(loopback.result): \(BrokerAdvice.loopback)")
        }
        switch intake {
        case .starting: reasons.append("the intake has not begun yet")
        case .full, .storeFails: reasons.append("taking nothing in: \(intake)")
        case .stopped: reasons.append("the intake has ended")
        case .consuming: if let journalFault { reasons.append("the journal can't be written: \(journalFault)") }
        }
        if let instancesFault { reasons.append("no room for instances: \(instancesFault)") }
        return reasons
    }

    /// Whether something does not work, as against not being there yet.
    var hasFailed: Bool {
        if case .down = consuming { return true }
        if case .down = publishing { return true }
        if case .storeFails = intake { return true }
        if journalFault != nil || instancesFault != nil { return true }
        return rival != nil || (loopback?.failures ?? 0) >= loopbackLimit
    }

    /// What an operator should know although it is ready.
    var warnings: [String] {
        var warnings: [String] = []
        for (link, what) in [(consuming, ""), (publishing, "requests and replies"), (notifying ?? .up, "events")] {
            if case .blocked(let reason) = link, !what.isEmpty {
                warnings.append("the broker takes no messages (\(reason)): \(what) wait, casts are taken in")
            }
        }
        if case .down(let error)? = notifying {
            warnings.append("the broker of the events is away, they wait: \(BrokerAdvice.sentence(for: error))")
        }
        if let hypervisorOutage {
            warnings.append("the hypervisor is away, casts are taken in and wait: \(hypervisorOutage.reason)")
        }
        return warnings
    }
}

extension ServiceHealth.Link {
    init(_ state: ConnectionState) {
        switch state {
        case .idle: self = .starting
        case .connecting: self = .starting
        case .ready: self = .up
        case .blocked(let reason): self = .blocked(reason)
        case .lost(let error, retryIn: _): self = .down(error)
        case .closed: self = .closed
        }
    }

    /// The next state: an attempt to connect is no news of its own, whoever was down is down until it is up.
    func following(_ state: ConnectionState) -> Self {
        if case .connecting = state { return self == .up ? .starting : self }
        return Self(state)
    }
}
