// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// Makes the events of this host.
struct EventFactory: Sendable {
    let host: String
    let payload: InstancePayload
    let updates: UpdateNotifications
    /// Whether anybody is told; where nobody is, what would be told is not put together.
    var isTelling = true
    /// Whether the use of instances is told when a period is over.
    var auditsUsage = false
    let clock: any WallClock
    let time: SteadyTime
    let identifiers: any IdentifierSource

    /// An event about an instance, `compute.instance.<event>`.
    func instanceEvent(
        _ event: String, _ row: StoredInstance, extra: JSONObject, context: RequestContext
    ) -> Notification {
        var fields = payload.base(row)
        for member in extra.members { fields[member.key] = member.value }
        return make("compute.instance.\(event)", .info, .object(fields), context)
    }

    /// The event that a write is told by; nil where writes are not told.
    ///
    /// A write that changes no state that is watched is told too, with null for the old states, as nova does.
    func updateEvent(from old: Instance, to row: StoredInstance, context: RequestContext) -> Notification? {
        guard isTelling, updates.isOn else { return nil }
        let new = row.instance
        let isStateChange =
            old.vmState != new.vmState
            || updates.onStateChange == .vmAndTaskState && old.taskState != new.taskState
        let states = isStateChange ? (vmState: old.vmState, taskState: old.taskState) : nil
        return make(
            "compute.instance.update", .info, .object(payload.update(row, old: states, at: clock.now())), context)
    }

    /// The event that an instance was used in a period that is over.
    ///
    /// - Parameter payload: ``InstancePayload/audited(_:)`` of it.
    func existence(
        _ payload: JSONObject, from beginning: Timestamp, until end: Timestamp, context: RequestContext
    ) -> Notification {
        var fields = payload
        fields["audit_period_beginning"] = .string(beginning.spaced)
        fields["audit_period_ending"] = .string(end.spaced)
        fields["bandwidth"] = payload["bandwidth"]?[BandwidthUsage.name(of: beginning)] ?? .object([:])
        return make("compute.instance.exists", .info, .object(fields), context)
    }

    /// The event of a method that failed; named by the bare method, as nova does.
    func errorEvent(
        _ method: String, _ fault: ComputeFault, arguments: JSONObject, context: RequestContext
    ) -> Notification {
        make(
            method, .error, ErrorPayload.payload(of: fault, arguments: arguments, host: host, context: context), context
        )
    }

    private func make(
        _ type: String, _ priority: NotificationPriority, _ payload: JSONValue, _ context: RequestContext
    ) -> Notification {
        Notification(
            messageID: identifiers.next(), publisherID: "compute.\(host)", eventType: type, priority: priority,
            timestamp: time.eventTime(), payload: payload, context: context)
    }
}
