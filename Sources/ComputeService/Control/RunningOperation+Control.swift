// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel
internal import WorkerStore

extension RunningOperation {
    /// As it is told through the control socket.
    var json: JSONValue {
        [
            "id": JSONValue(Int(id.value)), "method": .string(method), "instance": JSONValue(instance?.description),
            "request_id": JSONValue(requestID), "begun_at": .string(begunAt.iso), "resumed": .bool(isResumed),
            "ending": .bool(isEnding), "progress": JSONValue(progress),
        ]
    }

    init?(json: JSONValue) {
        guard let id = json["id"]?.int, let method = json["method"]?.string,
            let begun = json["begun_at"]?.string.flatMap({ Timestamp($0) })
        else { return nil }
        self.init(
            id: JournalID(Int64(id)), method: method, instance: json["instance"]?.string.flatMap { InstanceID($0) },
            requestID: json["request_id"]?.string, begunAt: begun, isResumed: json["resumed"]?.bool ?? false,
            isEnding: json["ending"]?.bool ?? false, progress: json["progress"]?.int)
    }
}

extension CancelOutcome {
    /// As it is told through the control socket.
    var json: JSONValue {
        switch self {
        case .ended: ["outcome": "ended"]
        case .interrupting: ["outcome": "interrupting"]
        case .notCancellable(let reason): ["outcome": "not-cancellable", "reason": .string(reason)]
        case .unknown: ["outcome": "unknown"]
        }
    }

    init?(json: JSONValue) {
        switch json["outcome"]?.string {
        case "ended": self = .ended
        case "interrupting": self = .interrupting
        case "not-cancellable": self = .notCancellable(json["reason"]?.string ?? "")
        case "unknown": self = .unknown
        default: return nil
        }
    }
}
