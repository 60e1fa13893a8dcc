// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// An operation that a worker is at, as it tells of it.
struct LiveOperation: Sendable, Hashable {
    let id: JournalID
    let method: String
    let instance: InstanceID?
    let begunAt: Timestamp
    /// Whether an earlier process of the worker had begun it.
    let isResumed: Bool
    /// Whether it has been told to make way, and undoes what it did.
    let isInterrupted: Bool

    var json: JSONValue {
        [
            "id": JSONValue(Int(id.value)), "method": .string(method), "instance": JSONValue(instance?.description),
            "begun_at": .string(begunAt.iso), "resumed": .bool(isResumed), "interrupted": .bool(isInterrupted),
        ]
    }

    init(
        id: JournalID, method: String, instance: InstanceID?, begunAt: Timestamp, isResumed: Bool, isInterrupted: Bool
    ) {
        self.id = id
        self.method = method
        self.instance = instance
        self.begunAt = begunAt
        self.isResumed = isResumed
        self.isInterrupted = isInterrupted
    }

    init?(json: JSONValue) {
        guard let id = json["id"]?.int, let method = json["method"]?.string,
            let begun = json["begun_at"]?.string.flatMap({ Timestamp($0) })
        else { return nil }
        self.init(
            id: JournalID(Int64(id)), method: method, instance: json["instance"]?.string.flatMap { InstanceID($0) },
            begunAt: begun, isResumed: json["resumed"]?.bool ?? false,
            isInterrupted: json["interrupted"]?.bool ?? false)
    }
}

/// What became of the wish to cancel an operation.
struct CancelResult: Sendable, Hashable {
    enum Outcome: String, Sendable, Hashable {
        /// It waited, and has ended with its error event.
        case ended
        /// It runs, and undoes itself.
        case interrupting
        /// It can't be cancelled, or no longer.
        case notCancellable = "not-cancellable"
        /// No unfinished operation has that id.
        case unknown
    }

    let outcome: Outcome
    /// Why it can't be cancelled.
    let reason: String?

    init(_ outcome: Outcome, reason: String? = nil) {
        self.outcome = outcome
        self.reason = reason
    }

    var json: JSONValue { ["outcome": .string(outcome.rawValue), "reason": JSONValue(reason)] }

    init?(json: JSONValue) {
        guard let outcome = json["outcome"]?.string.flatMap(Outcome.init(rawValue:)) else { return nil }
        self.init(outcome, reason: json["reason"]?.string)
    }
}
