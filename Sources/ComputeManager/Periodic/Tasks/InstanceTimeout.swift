// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Logging
internal import WorkerStore

/// Has something done to instances of this host that have been in a state for too long; the request is the
/// worker's own and takes its turn in the instance's lane.
struct InstanceTimeout: PeriodicTask {
    /// The state in which an instance is for too long; the task is called by it.
    let condition: OwnCondition
    let option: String
    let timeout: Duration?
    let method: String
    var arguments: @Sendable (StoredInstance) -> JSONObject = { _ in JSONObject() }
    /// The task that nova's API would have written; nil where it writes none.
    var task: TaskState?
    let surroundings: PeriodicSurroundings

    var name: String { condition.rawValue }
    var interval: Duration? { timeout == nil ? nil : surroundings.configuration.interval }
    var obstacle: String? { surroundings.obstacle(to: method) }

    func run() async throws -> PeriodicResult {
        guard let timeout else { return PeriodicResult(0, "off") }
        var asked = 0
        for row in try await surroundings.rows(stoodStillFor: timeout, where: condition.holds) {
            var instance = row.instance
            if let task { instance.taskState = task }
            let outcome = try await surroundings.own.submit(
                method, instance, arguments: arguments(row), onlyWhile: condition)
            // A soft one that goes on would keep the hard one, which waits behind it, from its turn.
            if condition == .rebooting { surroundings.dispatcher.overtakeReboot(of: row.id) }
            if case .submitted = outcome {
                asked += 1
                surroundings.services.logger.notice(
                    "an instance has stood still for too long",
                    metadata: [
                        LogKey.instance: .string(row.id.description), LogKey.method: .string(method),
                        "option": .string(option),
                    ])
            }
        }
        return PeriodicResult(asked, "\(asked) instances: \(method)")
    }
}

extension InstanceTimeout {
    /// A soft reboot that does not come to its end is given up and made a hard one.
    static func reboot(_ surroundings: PeriodicSurroundings) -> InstanceTimeout {
        InstanceTimeout(
            condition: .rebooting, option: "reboot_timeout",
            timeout: surroundings.configuration.rebootTimeout, method: RebootInstance.name.rawValue,
            arguments: { _ in ["reboot_type": "HARD"] }, task: .rebootingHard, surroundings: surroundings)
    }

    static func rescue(_ surroundings: PeriodicSurroundings) -> InstanceTimeout {
        InstanceTimeout(
            condition: .rescued, option: "rescue_timeout",
            timeout: surroundings.configuration.rescueTimeout, method: "unrescue_instance", task: .unrescuing,
            surroundings: surroundings)
    }

    /// A resize that nobody confirms or reverts is confirmed, by the host that it went to, which passes it on.
    static func confirm(_ surroundings: PeriodicSurroundings) -> InstanceTimeout {
        InstanceTimeout(
            condition: .resized, option: "resize_confirm_window",
            timeout: surroundings.configuration.resizeConfirmWindow, method: "confirm_resize",
            arguments: { row in ["migration_id": row.details["migration"]?["id"] ?? .null] },
            surroundings: surroundings)
    }

    /// What was deleted softly is deleted.
    static func reclaim(_ surroundings: PeriodicSurroundings) -> InstanceTimeout {
        InstanceTimeout(
            condition: .softDeleted, option: "reclaim_instance_interval",
            timeout: surroundings.configuration.reclaimInterval, method: TerminateInstance.name.rawValue,
            task: .deleting, surroundings: surroundings)
    }
}
