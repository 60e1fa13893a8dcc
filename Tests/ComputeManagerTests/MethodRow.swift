// SPDX-License-Identifier: Apache-2.0

@testable import ComputeManager
import ComputeModel

/// What one method does to an instance that runs: the events that it tells and the states that it leaves.
struct MethodRow: Sendable, CustomStringConvertible {
    let method: String
    let version: String
    let arguments: JSONObject
    let isAboutInstance: Bool
    let before: [MethodRow]
    /// The events with the states that they show; an update that changes none of them shows no old ones.
    let tells: [String]
    /// Vm state, task and power state afterwards; nil where no row is left.
    let leaves: String?
    let configure: @Sendable (inout ManagerConfiguration) -> Void
    /// Whether it moves a guest: then the other host says yes to everything.
    let isMove: Bool
    /// Whether a network and a volume service answer.
    let hasServices: Bool

    init(
        _ method: String, _ arguments: JSONObject = JSONObject(), version: String = "2.0", of instance: Bool = true,
        after before: [MethodRow] = [], tells: [String] = [], leaves: String? = "active/-/1",
        isMove: Bool = false, hasServices: Bool = false,
        configure: @escaping @Sendable (inout ManagerConfiguration) -> Void = { _ in }
    ) {
        self.method = method
        self.version = version
        self.arguments = arguments
        isAboutInstance = instance
        self.before = before
        self.tells = tells
        self.leaves = leaves
        self.isMove = isMove
        self.hasServices = hasServices
        self.configure = configure
    }

    var description: String { method }

    /// The request as it stands on the wire.
    var body: [UInt8] { body(with: [:]) }

    /// The same with some other arguments.
    func body(with others: JSONObject) -> [UInt8] {
        if method == "run_instance" { return Requests.run() }
        var all = arguments
        for member in others.members { all[member.key] = member.value }
        if isAboutInstance {
            var instance = Requests.instance
            instance["vm_state"] = "active"
            instance["task_state"] = nil
            all["instance"] = .object(instance)
        }
        return JSONWriter.bytes([
            "method": .string(method), "version": .string(version), "args": .object(all),
            "_context_request_id": "req-72d24b71-bace-4717-a735-6326481b9a43",
        ])
    }
}
