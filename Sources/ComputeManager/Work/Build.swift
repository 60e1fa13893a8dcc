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
    /// Where the row keeps the image's name for `create.end`.
    static let imageNameKey = "image_name"
    /// Where the row keeps the requester's context, without its token, while the scheduler has the build.
    static let contextKey = "build_context"
    /// Where it keeps meanwhile why the build failed here.
    static let causeKey = "build_failure"

    /// Where the row of a build that was refused keeps that it took the place of another.
    static let replacesKey = "replaces_row"

    let arguments: RunInstance.Arguments
    let run: OperationRun<RunInstance>
    /// Whether something of an earlier build may be left, whose row this one takes the place of.
    let replacesRow: Bool
    private let isClaimed = Atomic<Bool>(false)

    init(arguments: RunInstance.Arguments, from step: RunInstance.Step?, run: OperationRun<RunInstance>) {
        self.arguments = arguments
        self.run = run
        replacesRow = step == .refused ? run.row?.details[Self.replacesKey] == true : run.row != nil
        if let step, step != .refused { isClaimed.store(true, ordering: .relaxed) }
    }

    /// Whether the instance was claimed, so that a failure has something to undo and may go back to the scheduler.
    var wasClaimed: Bool { isClaimed.load(ordering: .relaxed) }

    /// Says that the instance is claimed now.
    func noteClaimed() { isClaimed.store(true, ordering: .relaxed) }

    /// What the build asks for beyond the plain guest.
    var wishes: Set<SpawnArgument> {
        var wishes = arguments.instance.wishes
        if !arguments.requestedNetworks.isEmpty || run.asksNetwork { wishes.insert(.networks) }
        if arguments.requestSpec?["block_device_mapping"]?.array?.isEmpty == false { wishes.insert(.volumes) }
        if !arguments.injectedFiles.reveal().isEmpty { wishes.insert(.injectedFiles) }
        if arguments.adminPassword.map({ !$0.reveal().isEmpty }) == true { wishes.insert(.adminPassword) }
        return wishes
    }

    /// Fails on the first wish that the driver can't honour or nobody can grant, unless the operator lets it be dropped
    /// with a warning.
    func refuseWishes() throws(ComputeFault) {
        let wishes = wishes
        if wishes.isEmpty { return }
        try run.refuse(wishes, of: arguments.instance.id, ungranted: refusalWithoutService)
    }

    /// The image, looked at and small enough.
    func image() async throws -> BuildImage {
        let instance = arguments.instance
        let asked = arguments.requestSpec?["image"]?.object
        let local = try await run.image(
            instance.imageRef, kernelID: instance.kernelID, ramdiskID: instance.ramdiskID, of: instance.id)
        let size = local?.virtualSize ?? asked?["size"]?.int.map { Int64($0) } ?? 0
        try instance.checkRoom(for: size)
        let properties = asked?["properties"]?.object ?? local?.metadata.fields["properties"]?.object ?? JSONObject()
        return BuildImage(
            local: local, name: asked?["name"]?.string ?? local?.metadata.name ?? "",
            properties: InstancePayload.imageMetadata(properties: properties, imageRef: instance.imageRef))
    }

    /// Has the driver build the guest.
    func spawn(_ image: BuildImage) async throws {
        let accepted = run.driver.kind.acceptedSpawnArguments
        let request = SpawnRequest(
            instance: run.row?.instance ?? arguments.instance, image: image.local,
            injectedFiles: accepted.contains(.injectedFiles) ? arguments.injectedFiles : Secret([]),
            adminPassword: accepted.contains(.adminPassword) ? arguments.adminPassword : nil,
            networkInfo: accepted.contains(.networks) ? run.row?.networkInfo ?? [] : [],
            blockDevices: run.row.map { BlockDevices($0).devices } ?? [], progress: run.progress)
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
            form: run.request.form, topic: run.services.configuration.schedulerTopic, method: "run_instance",
            version: "2.0",
            arguments: [
                "request_spec": .object(requestSpec), "admin_password": JSONValue(arguments.adminPassword?.reveal()),
                "injected_files": .array(files), "requested_networks": networks,
                "is_first_time": .bool(arguments.isFirstTime), "filter_properties": .object(filterProperties),
            ],
            context: run.request.context.elevated(), uniqueID: run.services.identifiers.next())
    }
}
