// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// One commit in the making: what becomes of an instance's row, and what is told of it, in order.
///
/// Computed before the transaction: the lane is the only one that changes the row while it works on it, but for the
/// fate of a cast, which the relay writes; see ``MoveFate``.
struct InstanceChange: Sendable {
    private(set) var row: StoredInstance
    private(set) var notifications: [Notification] = []
    private(set) var casts: [OutgoingCast] = []
    private(set) var resources: [StoredResource] = []
    private(set) var claims: [ClaimChange] = []
    private(set) var isClean = false
    private(set) var isRemoved = false
    /// What is to be told of the instance when its period is over; nil where nothing is.
    private(set) var ended: EndedInstance?
    private(set) var takesBackCasts = false
    /// Told where a cast is taken back: the build that it handed back ends here and nowhere else.
    private(set) var endOfBuild: Notification?
    /// The cast of which nothing was known when the change began.
    let pendingCast: String?
    let context: RequestContext
    private let events: EventFactory
    private var states: (vmState: VMState?, taskState: TaskState?)

    init(row: StoredInstance, context: RequestContext, events: EventFactory) {
        self.row = row
        pendingCast = row.pendingCast
        states = (row.instance.vmState, row.instance.taskState)
        self.context = context
        self.events = events
    }

    var instance: Instance { row.instance }

    /// The time that the commit writes.
    var now: Timestamp { events.clock.now() }

    var host: String { events.host }

    /// What `compute.instance.exists` adds to the base: the audit period up to now.
    var existence: JSONObject { events.payload.existence(of: row, at: now) }

    /// Writes states, host or times, and tells of it where updates are told.
    mutating func update(elevated: Bool = false, _ body: (inout Instance) -> Void) {
        guard events.isTelling else {
            body(&row.instance)
            return noteStates()
        }
        let old = row.instance
        body(&row.instance)
        noteStates()
        let context = elevated ? context.elevated() : context
        if let event = events.updateEvent(from: old, to: row, context: context) { notifications.append(event) }
    }

    /// The same after a check of the task (nova's `expected_task_state`).
    mutating func update(
        expecting tasks: [TaskState?], elevated: Bool = false, _ body: (inout Instance) -> Void
    ) throws(ComputeFault) {
        try expect(tasks)
        update(elevated: elevated, body)
    }

    /// Nova's `reverts_task_state`: a failure clears the task, unless the task was another's.
    mutating func revertTask(_ fault: ComputeFault, elevated: Bool = false) {
        if fault.kind != .unexpectedTaskState { update(elevated: elevated) { $0.taskState = nil } }
    }

    /// Fails unless the instance is in one of these tasks.
    func expect(_ tasks: [TaskState?]) throws(ComputeFault) {
        guard !tasks.contains(instance.taskState) else { return }
        let expected = tasks.map { $0?.rawValue ?? "None" }.joined(separator: ", ")
        let actual = instance.taskState?.rawValue ?? "None"
        throw ComputeFault(
            .unexpectedTaskState, "unexpected task state: expecting \(expected) but the actual state is \(actual)",
            instance: instance.id, arguments: ["expected": .string(expected), "actual": .string(actual)])
    }

    /// Writes what nobody is told of: the task of an accepted request, what the row keeps beside the instance.
    mutating func amend(_ body: (inout StoredInstance) -> Void) {
        body(&row)
        noteStates()
    }

    /// Keeps since when the instance is in its states, in the same commit: what writes the row for other reasons does
    /// not put off what is due after a while.
    private mutating func noteStates() {
        let new = (row.instance.vmState, row.instance.taskState)
        guard new != states else { return }
        states = new
        row.stateSince = now
    }

    /// Tells that something began or ended (`create.start`).
    mutating func notify(_ event: String, elevated: Bool = false, extra: JSONObject = JSONObject()) {
        guard events.isTelling else { return }
        let context = elevated ? context.elevated() : context
        notifications.append(events.instanceEvent(event, row, extra: extra, context: context))
    }

    /// Tells that a method failed.
    mutating func notifyFailure(_ method: String, _ fault: ComputeFault, arguments: JSONObject) {
        guard events.isTelling else { return }
        notifications.append(events.errorEvent(method, fault, arguments: arguments, context: context))
    }

    mutating func cast(_ cast: OutgoingCast) { casts.append(cast) }

    /// Writes down what is about to be made outside.
    mutating func register(_ kinds: [String]) {
        resources += kinds.map { StoredResource(kind: $0, name: instance.id.description, instance: instance.id) }
    }

    mutating func changeClaims(_ change: ClaimChange) { claims.append(change) }

    /// Strikes everything that was written down as made outside: it is gone. What was claimed for it is given back.
    mutating func clean() {
        isClean = true
        row.networkInfo = []
        row.details[BlockDevices.key] = nil
    }

    /// Strikes the casts that hand the build back to the scheduler, where they have not left yet.
    ///
    /// Only a row that says it was handed back is looked after: a look through the outbox is not for every request.
    mutating func takeBackCasts(of known: StoredInstance?) {
        guard let known, let fields = known.details[Build.contextKey]?.object else { return }
        takesBackCasts = true
        guard events.isTelling else { return }
        let fault = ComputeFault(
            .superseded, "The build failed here and was not handed back, because a later request took its place.",
            instance: known.id, arguments: ["reason": "superseded before the scheduler had it"])
        endOfBuild = events.errorEvent(
            RunInstance.name.rawValue, fault, arguments: ["instance": known.instance.json],
            context: RequestContext(fields: fields))
    }

    /// Removes the row.
    ///
    /// Where usage is audited, what is to be told of a deleted instance is kept until it has been told.
    mutating func remove() {
        isRemoved = true
        guard events.auditsUsage, instance.vmState == .deleted, let launchedAt = instance.launchedAt else { return }
        ended = EndedInstance(
            instance: instance.id, payload: events.payload.audited(row), launchedAt: launchedAt,
            terminatedAt: instance.terminatedAt ?? now)
    }
}
