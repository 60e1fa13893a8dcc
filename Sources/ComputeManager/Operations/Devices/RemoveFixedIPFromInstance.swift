// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Takes an address from an instance. Nova: `remove_fixed_ip_from_instance`.
enum RemoveFixedIPFromInstance: FixedIPOperation {
    struct Arguments: Sendable {
        let instance: Instance
        let address: String
    }

    static let name = OperationName(rawValue: "remove_fixed_ip_from_instance")
    static let summary = "takes an address from an instance"
    static let event = "delete_ip"

    static func instance(of arguments: Arguments) -> Instance { arguments.instance }

    static func ask(
        _ arguments: Arguments, _ instance: Instance, _ run: OperationRun<RemoveFixedIPFromInstance>
    ) async throws {
        try await run.peers.network.removeFixedIP(
            arguments.address, from: instance, context: run.request.context)
    }

    static func isDone(_ arguments: Arguments, before: [JSONValue], now: [JSONValue]) -> Bool {
        !addresses(now).contains(arguments.address)
    }
}
