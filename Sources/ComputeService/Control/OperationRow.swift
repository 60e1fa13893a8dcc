// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel
internal import WorkerStore

/// One operation as an operator is shown it: its row of the journal, and what the worker that runs says of it.
struct OperationRow: Sendable, Hashable {
    let line: JournalLine
    /// Its turn; nil where it has none, or no worker runs.
    var turn: RunningOperation?

    /// What it is at, or how it ended.
    var state: String {
        if line.finishedAt != nil { return line.outcome?.rawValue ?? "finished" }
        if turn?.isEnding == true || line.isCancelled { return "ending" }
        return turn == nil ? "waiting" : "running"
    }

    /// Its last error in words; one that did not keep it from its end in success says so.
    var errorWords: String {
        guard let error = line.lastError else { return "-" }
        return line.outcome == .succeeded ? "overcome: \(error)" : error
    }

    /// The checkpoint; one that stands in a list of one, as a bare name does in the journal, without the list.
    var step: JSONValue? {
        line.step.map { text in
            let value = (try? JSONParser.parse(text)) ?? .string(text)
            guard let list = value.array, list.count == 1 else { return value }
            return list[0]
        }
    }

    /// The step, and how far it is where that is known.
    var stage: String { [stepName ?? "-", turn?.progress.map { "\($0) %" }].compactMap(\.self).joined(separator: " ") }

    /// The checkpoint's name, without what stands in it.
    var stepName: String? {
        step.map { $0.string ?? $0.object?.keys.first ?? JSONWriter.text($0) }
    }

    var json: JSONValue {
        [
            "id": JSONValue(Int(line.id.value)), "method": .string(line.method),
            "instance": JSONValue(line.instance?.description), "request_id": JSONValue(line.requestID),
            "state": .string(state), "received_at": .string(line.receivedAt.iso),
            "begun_at": JSONValue(turn?.begunAt.iso), "finished_at": JSONValue(line.finishedAt?.iso),
            "step": step ?? .null, "progress": JSONValue(turn?.progress),
            "attempts": JSONValue(line.attempts), "last_error": JSONValue(line.lastError),
            "call": .bool(line.expectsReply),
        ]
    }
}

/// A span of time as an operator reads it.
enum Age {
    static func milliseconds(from start: Timestamp, to end: Timestamp) -> Int64 {
        max(0, (end.microseconds - start.microseconds) / 1000)
    }

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
