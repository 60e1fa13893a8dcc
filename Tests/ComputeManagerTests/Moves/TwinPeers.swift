// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeManager
import ComputeModel
import Synchronization

/// A network service that gives everybody one address, and notes what it is asked.
final class TwinNetwork: NetworkPort {
    let host: String
    let crash: CrashPlan
    private let notes = Mutex<[String]>([])

    init(host: String, crash: CrashPlan) {
        self.host = host
        self.crash = crash
    }

    var asked: [String] { notes.withLock { $0 } }

    private func note(_ text: String) async throws {
        try await crash.around(host, text) { notes.withLock { $0.append(text) } }
    }

    static let info: [JSONValue] = [
        [
            "address": "fa:16:3e:00:00:01",
            "network": [
                "label": "private",
                "subnets": [["ips": [["address": "10.0.0.2", "version": 4, "type": "fixed"]]]],
            ],
        ]
    ]

    func allocate(
        for instance: Instance, requested networks: [JSONValue], context: RequestContext
    ) async throws -> [JSONValue] { Self.info }

    func networkInfo(of instance: Instance, context: RequestContext) async throws -> [JSONValue] {
        try await note("get_instance_nw_info")
        return Self.info
    }

    func deallocate(for instance: Instance, context: RequestContext) async throws {}
    func addFixedIP(to instance: Instance, networkID: JSONValue, context: RequestContext) async throws {}
    func removeFixedIP(_ address: String, from instance: Instance, context: RequestContext) async throws {}

    func setUpNetworks(
        of instance: Instance, on host: String, teardown: Bool, context: RequestContext
    ) async throws {
        try await note("setup_networks_on_host \(host)\(teardown ? " teardown" : "")")
    }
}

/// Hands calls to the other worker of a ``TwinWorld``.
struct TwinComputes: ComputePort {
    let world: TwinWorld
    let caller: String

    func call(
        host: String, method: String, version: String, arguments: JSONObject, context: RequestContext
    ) async throws -> JSONValue {
        try await world.crash.around(caller, "call \(method)") {
            try await world.call(host, method, version, arguments, context)
        }
    }
}
