// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// Holds the name that the next device of an instance gets. Nova: `reserve_block_device_name`.
enum ReserveBlockDeviceName: InstanceOperation {
    struct Arguments: Sendable {
        let instance: Instance
        /// The name that is wanted; nil for the next one.
        let device: String?
    }

    enum Step: String, CaseIterable, Codable, Sendable, Hashable {
        /// The request is accepted; the name is held by the last commit.
        case reserving
    }

    static let name = OperationName(rawValue: "reserve_block_device_name")
    static let summary = "holds the name that the next device of an instance gets"
    static let needs: [DriverOperation] = []
    static let events: [String] = []

    static func instance(of arguments: Arguments) -> Instance { arguments.instance }
    static func acceptance(of arguments: Arguments) -> AcceptanceRule { .none }
    static func json(_ output: String) -> JSONValue { .string(output) }
    /// Nothing outside is made; the name and the answer are one commit.
    static func recovery(at step: Step) -> RecoveryRule { .goOn }

    static func perform(
        _ arguments: Arguments, from step: Step?, in run: OperationRun<ReserveBlockDeviceName>
    ) async throws -> Finished<String> {
        let id = arguments.instance.id
        if step == nil {
            try await run.begin(arguments.instance, .reserving, accept: acceptance(of: arguments)) { _ in }
        }
        let row = run.row
        var taken: Set<String> = []
        for path in row.map({ BlockDevices($0).elements.map(\.deviceName) }) ?? [] {
            taken.insert(try DeviceName(path, instance: id).letters)
        }
        for key in ["default_ephemeral_device", "default_swap_device"] {
            guard let path = row?.instance.fields[key]?.string, !path.isEmpty else { continue }
            taken.insert(try DeviceName(path, instance: id).letters)
        }
        let root = row?.instance.fields["root_device_name"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        var path = try DeviceName.next(asked: arguments.device, root: root, taken: taken, instance: id)
        // A guest may have devices that no row tells of: those that nova-compute plugged in.
        let letters = try DeviceName(path, instance: id).letters
        taken.formUnion(DeviceName.order.prefix { $0 != letters })
        if let free = try await run.driver.nextDeviceName(
            for: row?.instance ?? arguments.instance, taken: DeviceName.paths(of: taken))
        {
            let found = try DeviceName(free, instance: id).letters
            let isAsked = arguments.device?.isEmpty == false
            guard isAsked ? found == letters : !taken.contains(found) else {
                throw DeviceName.isInUse(path, instance: id)
            }
            path = free
        }
        return try await run.finish(path) { change throws(ComputeFault) in
            change.amendBlockDevices {
                $0.elements.append(BlockDevices.Element(volumeID: nil, deviceName: path, state: .reserved))
            }
        }
    }

    /// Nova clears no task here: the call comes between others.
    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) {}
}
