// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import ImageService
internal import WorkerStore

/// The parts of a rebuild that are no state changes: its wishes, its image, the driver's call.
struct Rebuild: Sendable {
    let arguments: RebuildInstance.Arguments
    let run: OperationRun<RebuildInstance>

    /// The instance as the row has it, once there is one.
    var instance: Instance { run.row?.instance ?? arguments.instance }

    /// Fails on a wish that the driver can't honour, while the old guest is still there.
    ///
    /// Nova took no files along; what was asked for is honoured here or refused.
    func refuseWishes() throws(ComputeFault) {
        var wishes = arguments.instance.wishes
        if !arguments.injectedFiles.reveal().isEmpty { wishes.insert(.injectedFiles) }
        if arguments.newPassword != nil { wishes.insert(.adminPassword) }
        let hasVolumes = run.row.map { !BlockDevices($0).devices.isEmpty } ?? false
        if hasVolumes, !(run.driver.kind is any RebuildingDriver.Type) { wishes.insert(.volumes) }
        try run.refuse(wishes, of: arguments.instance.id)
    }

    /// The new image, looked at and small enough.
    func image() async throws -> BuildImage {
        var instance = arguments.instance
        instance.imageRef = arguments.imageRef
        let local = try await run.image(
            arguments.imageRef, kernelID: instance.kernelID, ramdiskID: instance.ramdiskID, of: instance.id)
        try instance.checkRoom(for: local?.virtualSize ?? 0)
        let properties = local?.metadata.fields["properties"]?.object ?? JSONObject()
        return BuildImage(
            local: local, name: local?.metadata.name ?? "",
            properties: InstancePayload.imageMetadata(properties: properties, imageRef: arguments.imageRef))
    }

    /// Has the driver build the new guest.
    ///
    /// - Parameter guestIsHere: whether the old one still is: the driver then has a way of its own.
    func build(guestIsHere: Bool) async throws {
        let accepted = run.driver.kind.acceptedSpawnArguments
        let request = SpawnRequest(
            instance: instance, image: try await image().local,
            injectedFiles: accepted.contains(.injectedFiles) ? arguments.injectedFiles : Secret([]),
            adminPassword: accepted.contains(.adminPassword) ? arguments.newPassword : nil,
            networkInfo: run.row?.networkInfo ?? [], blockDevices: run.row?.guest.blockDevices ?? [],
            progress: run.progress)
        do {
            try await guestIsHere
                ? run.driver.rebuild(request, interruptedBy: run.token)
                : run.driver.spawn(request, interruptedBy: run.token)
        } catch let fault as ComputeFault {
            // A call that was cut short says what became of it, not why.
            try run.checkInterruption()
            throw fault
        }
    }

    /// What nova's system metadata say of an image: the keys behind the prefix.
    static func imageMetadata(_ metadata: JSONObject) -> JSONValue {
        var image = JSONObject()
        for member in metadata.members where member.key.hasPrefix("image_") {
            image[String(member.key.dropFirst("image_".count))] = member.value
        }
        return .object(image)
    }
}
