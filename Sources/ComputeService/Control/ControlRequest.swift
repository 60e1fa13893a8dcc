// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// What can be asked of a running worker through its control socket.
enum ControlRequest: Sendable, Hashable {
    /// Whether it is ready, and how much it has to do.
    case status
    /// The operations that run now.
    case operations
    /// What it does by itself, and how that fares.
    case tasks
    /// What the worker knows of one unfinished operation.
    case operation(JournalID)
    case cancel(JournalID)

    /// Reads a request.
    init(line: [UInt8]) throws(ControlFault) {
        let message: JSONValue
        do throws(JSONError) {
            message = try JSONParser.parse(line, limits: JSONLimits(depth: 4, values: 16))
        } catch {
            throw ControlFault(.malformed, "the request is no JSON: \(error)")
        }
        func id() throws(ControlFault) -> JournalID {
            guard let number = message["id"]?.int, number > 0 else {
                throw ControlFault(.malformed, "the request has no id")
            }
            return JournalID(Int64(number))
        }
        switch message["request"]?.string {
        case "status": self = .status
        case "tasks": self = .tasks
        case "ops.list": self = .operations
        case "ops.show": self = .operation(try id())
        case "ops.cancel": self = .cancel(try id())
        default: throw ControlFault(.malformed, "the request is none of status, tasks, ops.list, ops.show, ops.cancel")
        }
    }

    var json: JSONValue {
        switch self {
        case .status: ["request": "status"]
        case .tasks: ["request": "tasks"]
        case .operations: ["request": "ops.list"]
        case .operation(let id): ["request": "ops.show", "id": JSONValue(Int(id.value))]
        case .cancel(let id): ["request": "ops.cancel", "id": JSONValue(Int(id.value))]
        }
    }
}
