// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

extension Wish.Method {
    /// What a user often asks for after this; empty where nothing follows.
    var sequels: [Wish.Method] {
        switch self {
        case .pause: [.unpause]
        case .suspend: [.resume]
        case .rescue: [.unrescue]
        case .stop, .powerOff: [.start, .powerOn]
        case .prepareResize: [.confirmResize, .revertResize]
        case .reserveDevice: [.attachVolume]
        case .attachVolume: [.detachVolume]
        case .addFixedIP: [.removeFixedIP]
        case .prepareLiveMigration: [.finishLiveMigration, .rollBackLiveMigration]
        default: []
        }
    }

    /// Whether it is about an instance that comes from another host.
    var isAboutArrivals: Bool {
        switch self {
        case .prepareLiveMigration, .finishLiveMigration, .rollBackLiveMigration, .checkDestination: true
        default: false
        }
    }

    /// The task that nova's API writes before it casts, as far as the worker goes by it.
    var task: String? {
        switch self {
        case .run: "scheduling"
        case .softReboot: "rebooting"
        case .hardReboot: "rebooting_hard"
        default: isAboutArrivals ? "migrating" : nil
        }
    }

    /// Whether it is about the host and names no instance.
    var isHosts: Bool {
        switch self {
        case .hostPower, .hostMaintenance, .hostEnabled, .addAggregate, .removeAggregate, .refreshGroup, .refreshMembers,
            .refreshProvider, .uptime:
            true
        default: false
        }
    }

    /// Whether its caller always waits.
    var isCallAlways: Bool {
        switch self {
        case .reserveDevice, .prepareLiveMigration, .checkDestination, .checkSource: true
        default: false
        }
    }

    /// The version of the interface that has it.
    var version: String {
        switch self {
        case .rebuild: "2.1"
        case .addAggregate, .removeAggregate: "2.2"
        default: "2.0"
        }
    }
}

extension Traffic {
    /// What a method is told beside its instance.
    static func arguments(
        _ method: Wish.Method, _ dice: inout SeededGenerator, _ identifiers: SeededIdentifiers
    ) -> JSONObject {
        let volume = "00000000-0000-4000-8000-00000000000\(dice.below(2))"
        switch method {
        case .softReboot: return ["reboot_type": "SOFT"]
        case .hardReboot: return ["reboot_type": "HARD"]
        case .rescue: return ["rescue_password": .string("\(canary)-rescue")]
        case .snapshot: return ["image_id": .string(identifiers.next().dashed), "image_type": "snapshot"]
        case .backup:
            return [
                "image_id": .string(identifiers.next().dashed), "image_type": "backup", "backup_type": "daily",
                "rotation": JSONValue(dice.below(3)),
            ]
        case .rebuild:
            return [
                "image_ref": "cirros", "orig_image_ref": "cirros", "injected_files": [],
                "new_pass": .string("\(canary)-rebuild"), "orig_sys_metadata": [:],
            ]
        case .setPassword: return ["new_pass": .string("\(canary)-password")]
        case .injectFile: return ["path": "/etc/motd", "file_contents": "aGVsbG8="]
        case .changeMetadata: return ["diff": ["key": ["+", .string("value\(dice.below(9))")], "old": ["-"]]]
        case .prepareResize:
            return [
                "instance_type": [
                    "name": "m1.small", "id": 2, "memory_mb": 1024, "vcpus": 2, "root_gb": 2, "ephemeral_gb": 0,
                    "swap": 0, "flavorid": "2",
                ], "image": [:], "reservations": [],
            ]
        case .confirmResize, .revertResize: return ["migration_id": 1, "reservations": []]
        case .liveMigration: return ["dest": .string(PeerBooks.otherHost), "block_migration": false, "migrate_data": ["rolls_back_at_destination": true]]
        case .prepareLiveMigration: return ["block_migration": false, "disk": .null]
        case .finishLiveMigration: return ["block_migration": false]
        case .reserveDevice: return ["device": .null]
        case .removeFixedIP: return ["address": .string("10.0.0.\(dice.within(2...4))")]
        case .detachVolume, .removeVolumeConnection: return ["volume_id": .string(volume)]
        case .addFixedIP: return ["network_id": 1]
        case .attachVolume:
            let device = dice.pick(["/dev/vdb", "/dev/vdc"])
            return ["volume_id": .string(volume), "mountpoint": .string(device)]
        case .checkDestination: return ["block_migration": false, "disk_over_commit": false]
        case .checkSource: return ["dest_check_data": ["block_migration": false]]
        case .hostPower: return ["action": .string(dice.pick(["reboot", "shutdown"]))]
        case .hostMaintenance: return ["host": .string(SimulatedWorker.host), "mode": .bool(dice.chance(50))]
        case .hostEnabled: return ["enabled": .bool(dice.chance(50))]
        case .addAggregate, .removeAggregate:
            return [
                "aggregate_id": JSONValue(dice.within(1...2)), "host": .string(SimulatedWorker.host),
                "slave_info": ["password": .string("\(canary)-slave")],
            ]
        case .refreshGroup, .refreshMembers: return ["security_group_id": 3]
        default: return JSONObject()
        }
    }
}
