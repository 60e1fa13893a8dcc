// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// What the services know that a worker asks, and the other host.
///
/// @unchecked Sendable because only the thread of the simulation touches it.
final class PeerBooks: @unchecked Sendable {
    /// A request that is done though nobody waits for it any more.
    struct Late {
        let method: String
        let instance: InstanceID?
        let effect: () -> Void
    }

    static let otherHost = "compute2"

    /// The addresses that instances have.
    var addresses: [InstanceID: [JSONValue]] = [:]
    /// Which instance has a volume.
    var volumes: [String: InstanceID] = [:]
    /// Instances whose guest moved to the other host.
    var arrived: Set<InstanceID> = []
    /// Those of which the other host has heard that they are its own now.
    var told: Set<InstanceID> = []
    /// Instances that belong to the other host until they come here.
    var others: Set<InstanceID> = []
    /// In the order in which they were asked for.
    var late: [Late] = []

    /// Does what was asked for before.
    func catchUp(_ world: World) {
        while !late.isEmpty { doNext(world) }
    }

    func doNext(_ world: World) {
        let request = late.removeFirst()
        world.note("late service \(request.method) \(request.instance.map { "\($0)" } ?? "")")
        request.effect()
    }

    static func interface(_ addresses: [Int]) -> JSONValue {
        [
            "id": "vif", "address": "fa:16:3e:00:00:01", "meta": [:],
            "network": [
                "id": "net", "label": "private", "bridge": "br100", "meta": [:],
                "subnets": [
                    [
                        "cidr": "10.0.0.0/24", "version": 4, "dns": [], "routes": [], "meta": [:],
                        "ips": .array(
                            addresses.map {
                                [
                                    "address": .string("10.0.0.\($0)"), "version": 4, "type": "fixed", "meta": [:],
                                    "floating_ips": [],
                                ]
                            }),
                    ]
                ],
            ],
        ]
    }
}
