// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import ImageService
internal import Logging
internal import WorkerStore

/// The parts of a snapshot that are no state changes: the copy, its image, the backups that go.
struct SnapshotUpload: Sendable {
    /// How long a call to the image service may take; bringing a whole image to the disk is one.
    static let patience = Duration.seconds(600)

    let arguments: SnapshotInstance.Arguments
    let run: OperationRun<SnapshotInstance>

    private var id: InstanceID { arguments.instance.id }

    /// Makes room for the image; refused where there is one of that id.
    @discardableResult
    func begin() async throws -> String {
        try await ask { [arguments] in try await $0.begin(arguments.imageID) }
    }

    /// Whether an earlier attempt came as far as the list.
    func isListed() async throws -> Bool {
        let known = try await ask { [arguments] in try await $0.metadata(of: arguments.imageID) }
        return known?.fields["instance_uuid"] == .string(id.description)
    }

    /// Has the driver copy the disk, and lists the copy; a failure leaves nothing of it.
    func copy() async throws {
        let instance = run.row?.instance ?? arguments.instance
        do {
            let path = try await begin()
            try run.checkInterruption()
            let result = try await run.driver.snapshot(
                SnapshotRequest(instance: instance, imageID: arguments.imageID, path: path, progress: run.progress),
                interruptedBy: run.token)
            let fields = try await fields(of: instance, result)
            let now = run.services.events.clock.now()
            try await ask { [arguments] in try await $0.publish(arguments.imageID, fields, at: now) }
        } catch let fault as ComputeFault {
            await discardFailed()
            // A copy that was cut short says what became of it, not why.
            try run.checkInterruption()
            throw fault
        }
    }

    /// Removes what there is of the copy: the image's half file, and what a copy that was begun before a restart goes
    /// on with.
    func discard() async throws {
        try await ask { [arguments] in try await $0.discard(arguments.imageID) }
        guard run.entry.step != nil else { return }
        try await run.driver.discardSnapshot(of: run.row?.instance ?? arguments.instance)
    }

    /// The failure is what is told; what it leaves behind goes with the next upload of that id or a look at the disk.
    private func discardFailed() async {
        do {
            try await discard()
        } catch {
            run.logger.warning(
                "what a snapshot that failed has left can't be removed",
                metadata: [
                    LogKey.instance: .string(id.description), "image": .string(arguments.imageID.description),
                    LogKey.error: .string("\(error)"),
                ])
        }
    }

    /// Deletes the instance's backups of that type beyond the ones that are kept, the oldest first.
    func rotate(_ type: String, keeping count: Int) async throws {
        let marks: JSONObject = [
            "instance_uuid": .string(id.description), "image_type": "backup", "backup_type": .string(type),
        ]
        let backups = try await ask { try await $0.images(having: marks) }
        for backup in backups.dropLast(count) {
            try await ask { try await $0.delete(backup.id) }
            run.logger.info(
                "a backup made way for a newer one",
                metadata: [LogKey.instance: .string(id.description), "image": .string(backup.id)])
        }
    }

    /// What a build, and who asks for the image, must know of it.
    private func fields(of instance: Instance, _ result: SnapshotResult) async throws -> JSONObject {
        // An image that boots by a kernel names it where the instance does not; one that is gone since names none.
        var base: ImageMetadata?
        if let reference = instance.imageRef {
            base = try? await ask { try await $0.metadata(of: reference) }
        }
        let name = instance.displayName ?? instance.name
        let gib = Int64(1) << 30
        var fields: JSONObject = [
            "name": .string("\(name) \(arguments.kind == .snapshot ? "snapshot" : "backup")"),
            "disk_format": .string(result.diskFormat), "container_format": "bare", "visibility": "private",
            "protected": false, "tags": [], "owner": JSONValue(instance.projectID),
            "user_id": JSONValue(instance.userID),
            "min_disk": JSONValue(Int((result.virtualSize.bytes + gib - 1) / gib)), "min_ram": 0,
            "base_image_ref": .string(instance.imageRef ?? ""), "instance_uuid": .string(id.description),
            "image_location": "snapshot", "image_state": "available", "image_type": "snapshot",
        ]
        if case .backup(let type, _) = arguments.kind {
            fields["image_type"] = "backup"
            fields["backup_type"] = .string(type)
        }
        if let kernel = instance.kernelID ?? base?.kernelID { fields["kernel_id"] = .string(kernel) }
        if let ramdisk = instance.ramdiskID ?? base?.ramdiskID { fields["ramdisk_id"] = .string(ramdisk) }
        if let architecture = instance.architecture { fields["architecture"] = .string(architecture) }
        return fields
    }

    /// Asks the image service, whose disk may never answer. Not given up for an interruption: what it does then is
    /// soon over, and undone afterwards.
    private func ask<Value: Sendable>(
        _ body: @escaping @Sendable (any ImageUploads) async throws -> Value
    ) async throws -> Value {
        try await run.bounded(Self.patience, "The image service did not answer", id, isInterruptible: false) { [run] in
            try await body(run.services.images)
        }
    }
}
