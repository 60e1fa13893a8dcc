// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// Puts a new root disk under an instance, from another image or the same. Nova: `rebuild_instance`.
///
/// Everything that can be refused is refused while the old guest still runs. Its volumes stay attached, where nova
/// failed with any. A failure puts the instance into ERROR.
enum RebuildInstance: InstanceOperation {
    struct Arguments: Sendable {
        let instance: Instance
        let imageRef: String
        /// The image that it was built from, for the event that ends its use.
        let originalImageRef: String?
        let injectedFiles: Secret<[InjectedFile]>
        let newPassword: Secret<String>?
        /// What was known of that image.
        let originalSystemMetadata: JSONObject?
    }

    enum Step: Codable, Sendable, Hashable {
        /// The old guest is being removed.
        case destroying
        /// The driver builds the new one, which runs under another boot identity than this.
        case spawning(boot: String?)
    }

    static let name = OperationName(rawValue: "rebuild_instance")
    static let summary = "puts a new root disk under an instance"
    static let stepNames = ["destroying", "spawning"]
    static let needs: [DriverOperation] = [.spawn, .destroy]
    static let events = ["exists", "rebuild.start", "rebuild.end"]
    static let needsRoom = true
    static let slot = SlotKind.build

    static func instance(of arguments: Arguments) -> Instance { arguments.instance }
    static func acceptance(of arguments: Arguments) -> AcceptanceRule { .ifIdle(.rebuilding) }
    static func json(_ output: JSONValue) -> JSONValue { output }

    /// Removing what is gone is success; a guest that runs and is not the old one was built.
    static func recovery(at step: Step) -> RecoveryRule { step == .destroying ? .goOn : .redoUnlessDone }

    static func perform(
        _ arguments: Arguments, from step: Step?, in run: OperationRun<RebuildInstance>
    ) async throws -> Finished<JSONValue> {
        let rebuild = Rebuild(arguments: arguments, run: run)
        let before = try await run.guest(arguments.instance.id, resumed: step != nil)
        var isDone = false
        switch step {
        case nil:
            try await begin(rebuild, before, run)
            try run.checkInterruption()
            try await replace(rebuild, before, run)
        case .destroying: try await replace(rebuild, before, run)
        case .spawning(let boot)?:
            isDone = before?.powerState == .running && before?.bootIdentity != boot
            if !isDone {
                try await run.outlastingOutages {
                    if boot == nil { try await run.driver.destroy(rebuild.instance) }
                    try run.checkInterruption()
                    try await rebuild.build(guestIsHere: boot != nil && before != nil)
                }
            }
        }
        // What a cancel comes too late for is told as it is.
        try run.checkInterruption(by: .superseded)
        return try await complete(rebuild, run)
    }

    /// All checks, then the event that ends the use of the old image and the one that begins the new.
    private static func begin(
        _ rebuild: Rebuild, _ guest: InstanceInfo?, _ run: OperationRun<RebuildInstance>
    ) async throws {
        let arguments = rebuild.arguments
        try rebuild.refuseWishes()
        let image = try await rebuild.image()
        let network = try await run.networkInfo(of: arguments.instance)
        try await run.begin(
            arguments.instance, .destroying, accept: acceptance(of: arguments), expecting: [.rebuilding]
        ) { change throws(ComputeFault) in
            change.amend { row in
                // The request's instance names the new image already.
                row.instance.imageRef = arguments.originalImageRef ?? run.row?.instance.imageRef
                if let original = arguments.originalSystemMetadata {
                    row.details[InstancePayload.imageMetadataKey] = Rebuild.imageMetadata(original)
                }
            }
            change.notifyExists(elevated: true)
            change.amend { row in
                row.instance.imageRef = arguments.imageRef
                row.networkInfo = network
                row.details[InstancePayload.imageMetadataKey] = image.properties
                row.details[Build.imageNameKey] = .string(image.name)
            }
            change.register(["domain", "directory"])
            // An instance whose build failed has given its part of the host back, or never was this host's.
            let host = change.host
            change.amend { $0.instance.host = host }
            change.claim(.instance, ClaimAmounts(of: change.instance), limits: .none)
            change.notify("rebuild.start", elevated: true, extra: ["image_name": .string(image.name)])
            change.update(elevated: true) { $0.powerState = guest?.powerState ?? .noState }
        }
    }

    /// The old guest goes and the new one comes; a driver with a way of its own does both in one.
    private static func replace(
        _ rebuild: Rebuild, _ guest: InstanceInfo?, _ run: OperationRun<RebuildInstance>
    ) async throws {
        let isOwnWay = guest != nil && run.driver.kind is any RebuildingDriver.Type
        if !isOwnWay { try await run.driver.destroy(rebuild.instance) }
        let boot = isOwnWay ? guest?.bootIdentity ?? "off" : nil
        try await run.commit(.spawning(boot: boot)) { change throws(ComputeFault) in
            try change.expect([.rebuilding])
            for task in [TaskState.rebuildBlockDeviceMapping, .rebuildSpawning] {
                change.update(elevated: true) { $0.taskState = task }
            }
        }
        try run.checkInterruption(by: .superseded)
        try await rebuild.build(guestIsHere: isOwnWay)
    }

    private static func complete(
        _ rebuild: Rebuild, _ run: OperationRun<RebuildInstance>
    ) async throws -> Finished<JSONValue> {
        let power = await run.driver.powerStateOfStarted(rebuild.instance.id)
        let imageName = run.row?.details[Build.imageNameKey] ?? ""
        return try await run.finish(.null) { change throws(ComputeFault) in
            let now = change.now
            try change.update(expecting: [.rebuildSpawning], elevated: true) {
                $0.vmState = .active
                $0.taskState = nil
                $0.powerState = power
                $0.launchedAt = now
            }
            change.amend { $0.details[Rescue.key] = nil }
            let addresses = InstancePayload.fixedIPs(change.row.networkInfo)
            change.notify("rebuild.end", elevated: true, extra: ["fixed_ips": addresses, "image_name": imageName])
        }
    }

    /// Nova: to ERROR for any failure, and a task that is another's stays. What ended before the old guest went is left
    /// as it was.
    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) {
        let hasBegun = change.instance.taskState.map {
            [.rebuildBlockDeviceMapping, .rebuildSpawning].contains($0)
        } ?? false
        let isRefusal = fault.kind == .unsupportedOperation || fault.isInterruption && !hasBegun
        if !isRefusal { change.update(elevated: true) { $0.vmState = .error } }
        change.revertTask(fault)
    }
}
