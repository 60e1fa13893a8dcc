// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import ImageService
internal import Logging
internal import Synchronization
internal import WorkerStore

/// The image that a build uses, with what is told of it.
struct BuildImage: Sendable {
    /// Nil for a driver that needs none.
    let local: LocalImage?
    let name: String
    /// What events call `image_meta`.
    let properties: JSONValue
}

/// The parts of a build that are no state changes: its wishes, its image, the driver's call, the way back.
final class Build: Sendable {
    /// How long a build waits for its image.
    static let imagePatience = Duration.seconds(120)

    /// Where the row keeps the image's name for `create.end`.
    static let imageNameKey = "image_name"
    /// Where the row keeps the requester's context, without its token, while the scheduler has the build.
    static let contextKey = "build_context"

    let arguments: RunInstance.Arguments
    let run: OperationRun<RunInstance>
    private let isClaimed = Atomic<Bool>(false)

    init(arguments: RunInstance.Arguments, from step: RunInstance.Step?, run: OperationRun<RunInstance>) {
        self.arguments = arguments
        self.run = run
        if let step, step != .refused { isClaimed.store(true, ordering: .relaxed) }
    }

    /// Whether the instance was claimed, so that a failure has something to undo and may go back to the scheduler.
    var wasClaimed: Bool { isClaimed.load(ordering: .relaxed) }

    /// Says that the instance is claimed now.
    func noteClaimed() { isClaimed.store(true, ordering: .relaxed) }

    /// What the build asks for beyond the plain guest.
    var wishes: Set<SpawnArgument> {
        let instance = arguments.instance
        var wishes: Set<SpawnArgument> = []
        if !arguments.requestedNetworks.isEmpty || run.asksNetwork { wishes.insert(.networks) }
        if arguments.requestSpec?["block_device_mapping"]?.array?.isEmpty == false { wishes.insert(.volumes) }
        if !arguments.injectedFiles.reveal().isEmpty { wishes.insert(.injectedFiles) }
        if arguments.adminPassword.map({ !$0.reveal().isEmpty }) == true { wishes.insert(.adminPassword) }
        if instance.wantsConfigDrive { wishes.insert(.configDrive) }
        if instance.userData != nil { wishes.insert(.userData) }
        if instance.ephemeralGiB > 0 { wishes.insert(.ephemeralDisk) }
        if instance.flavor?["swap"]?.int ?? 0 > 0 { wishes.insert(.swapDisk) }
        return wishes
    }

    /// Fails on the first wish that the driver can't honour or nobody can grant, unless the operator lets it be dropped
    /// with a warning.
    func refuseWishes() throws(ComputeFault) {
        let wishes = wishes
        if wishes.isEmpty { return }
        for wish in SpawnArgument.allCases where wishes.contains(wish) {
            guard let refusal = refusal(of: wish) else { continue }
            guard run.services.configuration.ignorableSpawnArguments.contains(wish) else { throw refusal }
            run.services.logger.warning(
                "a wish of the build is ignored, as configured",
                metadata: [
                    LogKey.instance: .string(arguments.instance.id.description),
                    LogKey.argument: .string(wish.rawValue),
                ])
        }
    }

    private func refusal(of wish: SpawnArgument) -> ComputeFault? {
        if run.driver.kind.acceptedSpawnArguments.contains(wish) { return refusalWithoutService(of: wish) }
        return .invalid(
            "The \(run.driver.kind.name) driver can't honour '\(wish)'; ask for an instance without it, or "
                + "have the operator list it as ignorable.", instance: arguments.instance.id)
    }

    /// The image, looked at and small enough.
    func image() async throws -> BuildImage {
        let instance = arguments.instance
        let asked = arguments.requestSpec?["image"]?.object
        let local = try await localImage()
        let limit = Int64(instance.rootGiB) << 30
        let size = local?.virtualSize ?? asked?["size"]?.int.map { Int64($0) } ?? 0
        if limit > 0, size > limit {
            throw ComputeFault(
                .imageTooLarge, "The image needs \(size) bytes, the root disk has \(instance.rootGiB) GiB.",
                instance: instance.id,
                arguments: ["flavor_size": .number(JSONNumber(limit)), "image_size": .number(JSONNumber(size))])
        }
        let properties = asked?["properties"]?.object ?? local?.metadata.fields["properties"]?.object ?? JSONObject()
        return BuildImage(
            local: local, name: asked?["name"]?.string ?? local?.metadata.name ?? "",
            properties: InstancePayload.imageMetadata(properties: properties, imageRef: instance.imageRef))
    }

    private func localImage() async throws -> LocalImage? {
        let instance = arguments.instance
        let isNeeded = run.driver.kind.needsImage
        guard let reference = instance.imageRef else {
            if isNeeded { throw ComputeFault.invalid("the instance has no image to boot from", instance: instance.id) }
            return nil
        }
        do {
            return try await bounded(instance.id) { [run] in
                try await run.services.images.image(
                    reference, kernelID: instance.kernelID, ramdiskID: instance.ramdiskID)
            }
        } catch let fault as ComputeFault where fault.kind == .imageNotFound && !isNeeded {
            return nil
        }
    }

    /// Waits for an image until its deadline, or until the build is to make way for a delete.
    private func bounded(
        _ id: InstanceID, _ look: @escaping @Sendable () async throws -> LocalImage
    ) async throws -> LocalImage {
        let run = run
        return try await withThrowingTaskGroup(of: LocalImage.self) { group in
            group.addTask(operation: look)
            group.addTask {
                try await run.services.clock.sleep(for: Self.imagePatience)
                throw ComputeFault(
                    .timeout, "The image was not there within \(Self.imagePatience.components.seconds) s.",
                    instance: id)
            }
            group.addTask {
                await run.token.wait()
                try run.checkInterruption()
                throw CancellationError()
            }
            defer { group.cancelAll() }
            guard let image = try await group.next() else { throw CancellationError() }
            return image
        }
    }

    /// Has the driver build the guest.
    func spawn(_ image: BuildImage) async throws {
        let accepted = run.driver.kind.acceptedSpawnArguments
        let request = SpawnRequest(
            instance: run.row?.instance ?? arguments.instance, image: image.local,
            injectedFiles: accepted.contains(.injectedFiles) ? arguments.injectedFiles : Secret([]),
            adminPassword: accepted.contains(.adminPassword) ? arguments.adminPassword : nil,
            networkInfo: accepted.contains(.networks) ? run.row?.networkInfo ?? [] : [],
            blockDevices: run.row.map { BlockDevices($0).devices } ?? [])
        try await run.driver.spawn(request, interruptedBy: run.token)
        try run.checkInterruption()
    }

    /// The cast that hands the build back; nil where nova's rule keeps it here.
    func castBack() -> OutgoingCast? {
        guard let filterProperties = arguments.filterProperties, let retry = filterProperties["retry"]?.object,
            !retry.isEmpty, var requestSpec = arguments.requestSpec, !requestSpec.isEmpty
        else { return nil }
        requestSpec["instance_uuids"] = [.string(arguments.instance.id.description)]
        let files = arguments.injectedFiles.reveal().map { JSONValue.array([.string($0.path), .string($0.contents)]) }
        let networks = run.request.arguments["requested_networks"] ?? .null
        return OutgoingCast(
            form: run.request.form, topic: "scheduler", method: "run_instance", version: "2.0",
            arguments: [
                "request_spec": .object(requestSpec), "admin_password": JSONValue(arguments.adminPassword?.reveal()),
                "injected_files": .array(files), "requested_networks": networks,
                "is_first_time": .bool(arguments.isFirstTime), "filter_properties": .object(filterProperties),
            ],
            context: run.request.context.elevated(), uniqueID: run.services.identifiers.next())
    }
}
