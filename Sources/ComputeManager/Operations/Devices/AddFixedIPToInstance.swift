// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Gives an instance one address more. Nova: `add_fixed_ip_to_instance`.
enum AddFixedIPToInstance: FixedIPOperation {
    struct Arguments: Sendable {
        let instance: Instance
        /// A uuid or, in older clouds, a number.
        let networkID: JSONValue
    }

    static let name = OperationName(rawValue: "add_fixed_ip_to_instance")
    static let summary = "gives an instance one address more"
    static let event = "create_ip"

    static func instance(of arguments: Arguments) -> Instance { arguments.instance }

    static func ask(
        _ arguments: Arguments, _ instance: Instance, _ run: OperationRun<AddFixedIPToInstance>
    ) async throws {
        try await run.peers.network.addFixedIP(
            to: instance, networkID: arguments.networkID, context: run.request.context)
    }

    static func isDone(_ arguments: Arguments, before: [JSONValue], now: [JSONValue]) -> Bool {
        addresses(now).count > addresses(before).count
    }
}
