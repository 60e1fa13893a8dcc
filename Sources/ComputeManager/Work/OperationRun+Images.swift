// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import ImageService
internal import WorkerStore

extension OperationRun {
    /// How long work waits for an image.
    static var imagePatience: Duration { .seconds(120) }

    /// An image on this host; nil where there is none and the driver needs none.
    func image(
        _ reference: String?, kernelID: String?, ramdiskID: String?, of id: InstanceID
    ) async throws -> LocalImage? {
        let isNeeded = driver.kind.needsImage
        guard let reference else {
            if isNeeded { throw ComputeFault.invalid("the instance has no image to boot from", instance: id) }
            return nil
        }
        do {
            return try await bounded(Self.imagePatience, "The image was not there", id) { [services] in
                try await services.images.image(reference, kernelID: kernelID, ramdiskID: ramdiskID)
            }
        } catch let fault as ComputeFault where fault.kind == .imageNotFound && !isNeeded {
            return nil
        }
    }

    /// Waits for an answer until its deadline, or until the work is to make way.
    func bounded<Value: Sendable>(
        _ patience: Duration, _ complaint: String, _ id: InstanceID, isInterruptible: Bool = true,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value.self) { group in
            group.addTask(operation: body)
            group.addTask { [services] in
                try await services.clock.sleep(for: patience)
                throw ComputeFault(
                    .timeout, "\(complaint) within \(patience.components.seconds) s.", instance: id)
            }
            if isInterruptible {
                group.addTask {
                    await self.token.wait()
                    try self.checkInterruption()
                    throw CancellationError()
                }
            }
            defer { group.cancelAll() }
            guard let value = try await group.next() else { throw CancellationError() }
            return value
        }
    }
}

extension Instance {
    /// Fails where nothing says how much memory and how many processors the guest is to have, of its own or by its
    /// flavor: nothing could be claimed for it.
    func checkSizes() throws(ComputeFault) {
        for key in ["memory_mb", "vcpus"] where (fields[key]?.int ?? flavor?[key]?.int ?? 0) < 1 {
            throw .invalid(
                "field '\(key)' of the instance, or of its instance_type where it has none, must be 1 at least",
                instance: id)
        }
    }

    /// Fails where a disk of that size does not go onto the root disk.
    func checkRoom(for size: Int64) throws(ComputeFault) {
        let limit = Int64(rootGiB) << 30
        guard limit > 0, size > limit else { return }
        throw ComputeFault(
            .imageTooLarge, "The image needs \(size) bytes, the root disk has \(rootGiB) GiB.", instance: id,
            arguments: ["flavor_size": .number(JSONNumber(limit)), "image_size": .number(JSONNumber(size))])
    }
}
