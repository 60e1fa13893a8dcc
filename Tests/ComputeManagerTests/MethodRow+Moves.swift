// SPDX-License-Identifier: Apache-2.0

import ComputeManager
import ComputeModel

extension MethodRow {
    private static func move(
        _ method: String, _ arguments: JSONObject, of instance: Bool = true, after before: [MethodRow] = [],
        tells: [String] = [], leaves: String? = "active/-/1"
    ) -> MethodRow {
        MethodRow(method, arguments, of: instance, after: before, tells: tells, leaves: leaves, isMove: true) {
            $0.allowsResizeToSameHost = true
        }
    }

    /// The instance as it comes from another host.
    private static var foreign: JSONValue {
        var instance = Requests.instance
        instance["vm_state"] = "active"
        instance["task_state"] = "migrating"
        instance["host"] = "compute2"
        return .object(instance)
    }

    static let flavor: JSONObject = [
        "id": 2, "name": "m1.small", "memory_mb": 2048, "vcpus": 2, "root_gb": 20, "ephemeral_gb": 0,
    ]

    static let prepResize = move(
        "prep_resize", ["instance_type": .object(flavor)],
        tells: [
            "exists active/resize_prep", "resize.prep.start active/resize_prep", "resize.prep.end active/resize_prep",
        ], leaves: "active/resize_prep/1")

    static let resize = move(
        "resize_instance", ["migration_id": 1], after: [prepResize],
        tells: [
            "update active/resize_prep > active/resize_migrating", "resize.start active/resize_migrating",
            "update active/resize_migrating > active/resize_migrated", "resize.end active/resize_migrated",
        ], leaves: "active/resize_migrated/1")

    static let finishResize = move(
        "finish_resize", ["migration_id": 1],
        after: [prepResize, resize],
        tells: [
            "update active/resize_migrated", "update active/resize_migrated > active/resize_finish",
            "finish_resize.start active/resize_finish", "update active/resize_finish > resized/-",
            "finish_resize.end resized/-",
        ], leaves: "resized/-/1")

    static let revertResize = move(
        "revert_resize", ["migration_id": 1], after: [prepResize, resize, finishResize],
        leaves: "resized/resize_reverting/1")

    static let preLiveMigration = move(
        "pre_live_migration", ["instance": foreign], of: false, leaves: "active/migrating/0")

    static let moves: [MethodRow] = [
        prepResize, resize, finishResize,
        move(
            "confirm_resize", ["migration_id": 1], after: [prepResize, resize, finishResize],
            tells: ["resize.confirm.start active/-", "resize.confirm.end active/-"]),
        revertResize,
        move(
            "finish_revert_resize", ["migration_id": 1], after: [prepResize, resize, finishResize, revertResize],
            tells: [
                "resize.revert.start resized/resize_reverting", "update resized/resize_reverting",
                "update resized/resize_reverting > active/-", "resize.revert.end active/-",
            ]),
        move("check_can_live_migrate_destination", ["instance": foreign], of: false, leaves: nil),
        move("check_can_live_migrate_source", ["dest_check_data": [:]]),
        move("live_migration", ["dest": "compute2"], leaves: nil),
        preLiveMigration,
        move(
            "post_live_migration_at_destination", ["instance": foreign], of: false, after: [preLiveMigration],
            tells: ["update active/migrating > active/-"]),
        move(
            "rollback_live_migration_at_destination", ["instance": foreign], of: false, after: [preLiveMigration],
            leaves: nil),
    ]
}

/// Another host that says yes to everything.
private struct YieldingComputes: ComputePort {
    func call(
        host: String, method: String, version: String, arguments: JSONObject, context: RequestContext
    ) async throws -> JSONValue { .null }
}

extension Peers {
    static var yielding: Peers {
        var peers = Peers.none
        peers.computes = YieldingComputes()
        return peers
    }
}
