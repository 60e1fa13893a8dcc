// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel

/// What a worker says to a ``ControlRequest``.
enum ControlAnswer: Sendable, Hashable {
    case status(WorkerStatus)
    case operations([RunningOperation])
    case tasks([PeriodicTaskStatus])
    /// Nil where the operation does not run.
    case operation(RunningOperation?)
    case cancelled(CancelOutcome)
    case refused(ControlFault)

    var json: JSONValue {
        switch self {
        case .status(let status): ["status": status.json]
        case .tasks(let tasks): ["tasks": .array(tasks.map(\.json))]
        case .operations(let running): ["operations": .array(running.map(\.json))]
        case .operation(let running): ["operation": running?.json ?? .null]
        case .cancelled(let result): ["cancel": result.json]
        case .refused(let fault): ["error": ["code": .string(fault.code.rawValue), "message": .string(fault.message)]]
        }
    }

    /// Reads an answer; nil for what no worker says.
    init?(json: JSONValue) {
        if let status = json["status"].flatMap({ WorkerStatus(json: $0) }) {
            self = .status(status)
        } else if let list = json["tasks"]?.array {
            self = .tasks(list.compactMap { PeriodicTaskStatus(json: $0) })
        } else if let list = json["operations"]?.array {
            self = .operations(list.compactMap { RunningOperation(json: $0) })
        } else if let running = json["operation"] {
            self = .operation(RunningOperation(json: running))
        } else if let result = json["cancel"].flatMap({ CancelOutcome(json: $0) }) {
            self = .cancelled(result)
        } else if let error = json["error"] {
            self = .refused(
                ControlFault(
                    error["code"]?.string.flatMap(ControlFault.Code.init(rawValue:)) ?? .failed,
                    error["message"]?.string ?? ""))
        } else {
            return nil
        }
    }
}

/// Why a request through the control socket was not answered as wished.
struct ControlFault: Error, Sendable, Hashable, CustomStringConvertible {
    enum Code: String, Sendable, Hashable {
        /// The request can't be read.
        case malformed
        /// The worker can't do it now.
        case failed
        /// No worker listens at the socket.
        case noWorker = "no-worker"
        /// The socket can't be made, or this user may not speak to it.
        case notAccessible = "not-accessible"
        /// No answer came in time.
        case timedOut = "timed-out"
    }

    let code: Code
    let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    var description: String { message }
}
