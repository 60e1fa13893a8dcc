// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel
internal import WorkerStore

/// One operation of the journal, as an operator is shown it.
struct OperationRow: Sendable, Hashable {
    enum State: String, Sendable, Hashable {
        /// It has its turn.
        case running
        /// It was told to make way, and undoes what it did.
        case ending
        /// Others are before it, or no worker runs.
        case waiting
        case succeeded
        case failed
        case superseded
        case refused
        case cancelled
        case expired

        init(_ outcome: JournalOutcome) { self = State(rawValue: outcome.rawValue) ?? .failed }
    }

    let id: JournalID
    let method: String
    let instance: InstanceID?
    let requestID: String?
    var state: State
    let receivedAt: Timestamp?
    /// When this turn of it began.
    var begunAt: Timestamp?
    let finishedAt: Timestamp?
    /// The checkpoint, as the operation wrote it.
    let step: String?
    let attempts: Int
    let lastError: String?
    /// Whether somebody waits for its result.
    let isCall: Bool

    /// Adds what the worker that runs knows of it.
    mutating func merge(_ live: RunningOperation) {
        guard state == .waiting else { return }
        state = live.isEnding ? .ending : .running
        begunAt = live.begunAt
    }

    /// The checkpoint's name, without what stands in it.
    var stepName: String? {
        guard let step else { return nil }
        let value = try? JSONParser.parse(step)
        return value?.string ?? value?.object?.keys.first ?? step
    }

    var json: JSONValue {
        [
            "id": JSONValue(Int(id.value)), "method": .string(method), "instance": JSONValue(instance?.description),
            "request_id": JSONValue(requestID), "state": .string(state.rawValue),
            "received_at": JSONValue(receivedAt?.iso), "begun_at": JSONValue(begunAt?.iso),
            "finished_at": JSONValue(finishedAt?.iso), "step": step.map { (try? JSONParser.parse($0)) ?? .string($0) } ?? .null,
            "attempts": JSONValue(attempts), "last_error": JSONValue(lastError), "call": .bool(isCall),
        ]
    }
}

/// A span of time as an operator reads it.
enum Age {
    static func text(from start: Timestamp, to end: Timestamp) -> String {
        let seconds = max(0, (end.microseconds - start.microseconds) / 1_000_000)
        switch seconds {
        case ..<60: return "\(seconds)s"
        case ..<3600: return "\(seconds / 60)m\(seconds % 60)s"
        case ..<86_400: return "\(seconds / 3600)h\(seconds % 3600 / 60)m"
        default: return "\(seconds / 86_400)d\(seconds % 86_400 / 3600)h"
        }
    }
}
