// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Logging
internal import WorkerStore

/// Builds an instance and starts it. Nova: `run_instance`.
///
/// A build that fails after the claim is undone and handed back to the scheduler where nova's rule allows it (a `retry`
/// in the filter properties and a request spec), else the instance ends in ERROR. An instance that is here already is
/// left alone.
enum RunInstance: InstanceOperation {
    struct Arguments: Sendable {
        let instance: Instance
        let requestSpec: JSONObject?
        let filterProperties: JSONObject?
        let requestedNetworks: [JSONValue]
        let injectedFiles: Secret<[InjectedFile]>
        let adminPassword: Secret<String>?
        let isFirstTime: Bool
    }

    enum Step: String, CaseIterable, Codable, Sendable, Hashable {
        /// The instance is claimed, what will be made is written down; the network service is asked for addresses.
        case allocatingNetwork
        /// The volumes' service is asked for each volume.
        case connectingVolumes
        /// The driver is building: the first step where nobody else is asked.
        case spawning
        /// The build failed, and what others gave for it is taken back.
        case undoing
        /// The host has no room for it: nothing was made, and it is to go back.
        case refused
    }

    static let name = OperationName(rawValue: "run_instance")
    static let summary = "builds an instance from an image and starts it"
    static let needs: [DriverOperation] = [.spawn, .info, .destroy]
    static let events = ["create.start", "create.end"]
    static let needsRoom = true
    static let slot = SlotKind.build
    static let seesHandedBack = true

    static func instance(of arguments: Arguments) -> Instance { arguments.instance }
    static func acceptance(of arguments: Arguments) -> AcceptanceRule { .ifIdle(.scheduling) }
    static func json(_ output: JSONValue) -> JSONValue { output }

    /// A guest that runs was built; whatever else is there is removed and built anew. The network service is asked what
    /// the instance has before it is asked for more; connecting a volume once more changes nothing. What was refused
    /// goes on back, and what was being undone is undone.
    static func recovery(at step: Step) -> RecoveryRule {
        switch step {
        case .allocatingNetwork, .spawning: .redoUnlessDone
        case .connectingVolumes, .undoing, .refused: .goOn
        }
    }

    static func perform(
        _ arguments: Arguments, from step: Step?, in run: OperationRun<RunInstance>
    ) async throws -> Finished<JSONValue> {
        let id = arguments.instance.id
        let build = Build(arguments: arguments, from: step, run: run)
        do {
            if step == .refused {
                throw ComputeFault(
                    .computeResourcesUnavailable, "The host had no room for the instance before the worker restarted.",
                    instance: id)
            }
            if step == .undoing {
                throw ComputeFault(
                    .internalError, "The build had failed before the worker restarted; its log says why.",
                    instance: id, isRetriable: true)
            }
            if step == nil { try admit(arguments, run) }
            run.leaveNoRow(true)
            let guest = try await run.guest(id, resumed: step != nil)
            run.leaveNoRow(false)
            if step == nil {
                if guest != nil { throw isHere(arguments) }
                try build.refuseWishes()
                let image = try await build.image()
                try run.checkInterruption()
                let step = try await claim(build, image)
                try await build.prepare(from: step, isResumed: false)
                try await build.spawn(image)
            } else if let step, step != .spawning {
                let image = try await build.image()
                try await build.prepare(from: step, isResumed: true)
                try await build.spawn(image)
            } else if recovery(at: .spawning) == .redoUnlessDone, guest?.powerState == .running {
                try run.checkInterruption()
            } else {
                try await run.outlastingOutages {
                    try await run.driver.destroy(run.row?.instance ?? arguments.instance)
                    try run.checkInterruption()
                    try await build.spawn(try await build.image())
                }
            }
        } catch let fault as ComputeFault {
            return try await giveUp(build, fault)
        }
        return try await complete(build)
    }

    /// Lets in what is new; what is here already keeps its guest and its state, whether or not the hypervisor can be
    /// asked just now.
    private static func admit(_ arguments: Arguments, _ run: OperationRun<RunInstance>) throws(ComputeFault) {
        if let asked = run.request.context.timestamp,
            let deleted = run.services.deleted.moment(arguments.instance.id), asked < deleted
        {
            // Came late: again by a broker, or by another way than the delete.
            throw InterruptionReason.superseded.fault(run.entry.method, instance: arguments.instance.id)
        }
        let isLeftover: Bool =
            switch run.row?.instance.vmState {
            case nil where run.row == nil: true
            // Volumes that an earlier build could not let go of are a delete's to take back, and would be forgotten.
            case .building?, .error?, .deleted?: run.row.map { BlockDevices($0).elements.isEmpty } ?? true
            default: false
            }
        if !isLeftover { throw isHere(arguments) }
        try arguments.instance.checkSizes()
    }

    private static func isHere(_ arguments: Arguments) -> ComputeFault {
        ComputeFault(
            .instanceExists, "Instance \(arguments.instance.id) is here already and was left alone.",
            instance: arguments.instance.id, arguments: ["name": .string(arguments.instance.name)])
    }

    /// Everything that nova writes between the look at the image and the next that is asked: where nobody else is, up
    /// to the spawn.
    private static func claim(_ build: Build, _ image: BuildImage) async throws -> Step {
        let (arguments, run) = (build.arguments, build.run)
        let (step, volumes) = (try build.firstStep(), try build.volumes())
        let host = run.services.configuration.host
        let limits = run.services.capacity.limits(arguments.filterProperties)
        do {
            try await announce(arguments, image, step, run) { change in
                // Of a resize that failed here, whose row this one replaces.
                if run.row != nil { change.releaseClaim(.resize) }
                change.claim(.instance, ClaimAmounts(of: change.instance), limits: limits)
                if !volumes.isEmpty {
                    change.amendBlockDevices { $0.elements = volumes }
                    change.register(["volumes"])
                }
                if step == .allocatingNetwork { change.register(["network"]) }
                occupy(&change, host, image, step)
            }
            build.noteClaimed()
            return step
        } catch let fault as ComputeFault where fault.kind == .computeResourcesUnavailable {
            // Nova tells the beginning of a build before it claims.
            try await announce(arguments, image, .refused, run) { change in
                if build.replacesRow { change.amend { $0.details[Build.replacesKey] = true } }
            }
            throw fault
        }
    }

    private static func announce(
        _ arguments: Arguments, _ image: BuildImage, _ step: Step, _ run: OperationRun<RunInstance>,
        _ body: (inout InstanceChange) -> Void
    ) async throws {
        try await run.begin(
            arguments.instance, step, accept: acceptance(of: arguments), missing: .renew,
            expecting: [.scheduling, nil]
        ) { change throws(ComputeFault) in
            change.takeBackCasts(of: run.row)
            change.amend { $0.details[InstancePayload.imageMetadataKey] = image.properties }
            change.update(elevated: true) {
                $0.vmState = .building
                $0.taskState = nil
            }
            change.notify("create.start", elevated: true, extra: ["image_name": .string(image.name)])
            body(&change)
        }
    }

    /// The host is the instance's, and what will be made is written down.
    private static func occupy(_ change: inout InstanceChange, _ host: String, _ image: BuildImage, _ step: Step) {
        change.update(elevated: true) {
            $0.host = host
            $0.launchedOn = host
        }
        Build.tell(&change, upTo: step)
        change.amend { $0.details[Build.imageNameKey] = .string(image.name) }
        change.register(["domain", "directory"])
    }

    private static func complete(_ build: Build) async throws -> Finished<JSONValue> {
        let run = build.run
        let power = await run.driver.powerStateOfStarted(build.arguments.instance.id)
        let imageName = run.row?.details[Build.imageNameKey] ?? ""
        return try await run.finish(.null) { change throws(ComputeFault) in
            let now = change.now
            try change.update(expecting: [.spawning], elevated: true) {
                $0.vmState = .active
                $0.taskState = nil
                $0.powerState = power
                $0.launchedAt = now
            }
            let addresses = InstancePayload.fixedIPs(change.row.networkInfo)
            change.notify("create.end", elevated: true, extra: ["fixed_ips": addresses, "image_name": imageName])
        }
    }

    /// After a failure: undo, then the scheduler or ERROR.
    private static func giveUp(_ build: Build, _ fault: ComputeFault) async throws -> Finished<JSONValue> {
        let run = build.run
        let isRefused = fault.kind == .computeResourcesUnavailable && !build.wasClaimed
        guard let row = run.row, build.wasClaimed || isRefused else { throw fault }
        let fault = run.token.reason?.fault(run.entry.method, instance: row.id) ?? fault
        do {
            if isRefused, !build.replacesRow { run.markUndone() } else { try await build.undo() }
        } catch let undo as ComputeFault {
            run.logger.error(
                "a failed build can't be undone; a terminate will try again",
                metadata: [LogKey.instance: .string(row.id.description), LogKey.error: .string(undo.message)])
            throw fault
        }
        guard !run.token.isInterrupted, fault.mayBeBuiltElsewhere, let cast = build.castBack() else { throw fault }
        run.logger.warning(
            "build failed and goes back to the scheduler",
            metadata: [LogKey.instance: .string(row.id.description), LogKey.error: .string(fault.message)])
        return try await run.finish(.null, error: fault.message) { change throws(ComputeFault) in
            change.update(elevated: true) { $0.taskState = .scheduling }
            change.amend { $0.instance.host = nil }
            let context = JSONValue.object(change.context.redacted().fields)
            change.amend {
                $0.details[Build.contextKey] = context
                $0.details[Build.causeKey] = KeptFault(fault).json
            }
            change.clean()
            change.cast(cast)
        }
    }

    /// Nothing is known of how far the build came: what there is of it goes.
    static func undo(_ arguments: Arguments, in run: OperationRun<RunInstance>) async throws {
        try await Build(arguments: arguments, from: .undoing, run: run).undo()
    }

    static func rowOfFailure(
        _ arguments: Arguments, _ fault: ComputeFault, _ services: ManagerServices
    ) -> StoredInstance? {
        guard fault.kind != .instanceExists, fault.kind != .superseded else { return nil }
        return StoredInstance(instance: arguments.instance, updatedAt: services.events.clock.now())
    }

    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) {
        switch fault.kind {
        case .instanceExists: break
        // Nova: straight to ERROR, and a task that is another's stays.
        case .unexpectedTaskState: change.update(elevated: true) { $0.vmState = .error }
        // Where the delete does not come after all, what is half built is not left as if it were being built.
        case .superseded where change.instance.vmState != .building:
            change.update(elevated: true) { $0.taskState = nil }
        default:
            change.update(elevated: true) { $0.vmState = .error }
            change.update(elevated: true) { $0.taskState = nil }
        }
    }
}

extension ComputeFault {
    /// Whether another host may build what failed so here: not what is wrong with the request itself.
    fileprivate var mayBeBuiltElsewhere: Bool {
        switch kind {
        case .instanceNotFound, .invalid, .badArguments: false
        default: true
        }
    }
}
