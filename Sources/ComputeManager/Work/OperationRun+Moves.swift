// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import ImageService
internal import Logging
internal import WorkerStore

/// What the operations of a move have in common.
extension OperationRun {
    var host: String { services.configuration.host }

    /// The row of what has begun.
    func held() throws(ComputeFault) -> StoredInstance {
        if let row { return row }
        throw ComputeFault(.internalError, "A move went on without having begun.", instance: entry.instance)
    }

    /// The way to the driver for what must be brought to its end, or known for certain: a hypervisor that is away is
    /// waited for until the instance is to be terminated.
    var patientDriver: DriverGateway { services.driver.during(turn, outlastingOutagesUntil: .superseded) }

    /// The row for the driver's calls about a migration.
    func migrationRequest(
        _ migration: Migration, _ devices: BlockDevices? = nil
    ) throws(ComputeFault) -> MigrationRequest {
        let row = try held()
        return MigrationRequest(
            instance: row.instance, migration: migration, networkInfo: row.networkInfo,
            blockDevices: devices?.devices ?? row.guest.blockDevices)
    }

    /// A cast to the worker of another host, in the form of this request.
    func cast(
        _ method: String, to host: String, _ arguments: JSONObject, elevated: Bool = false
    ) -> OutgoingCast {
        OutgoingCast(
            form: request.form, topic: "\(services.configuration.computeTopic).\(host)", method: method, version: "2.0",
            arguments: arguments, context: elevated ? request.context.elevated() : request.context,
            uniqueID: services.identifiers.next(), isNamed: true)
    }

    /// Asks the worker of another host and waits for its answer.
    func ask(_ host: String, _ method: String, _ arguments: JSONObject) async throws -> JSONValue {
        try await peers.computes.call(
            host: host, method: method, version: "2.0", arguments: arguments, context: request.context)
    }

    /// The migration of the request or of the row, without which nobody knows where from and where to.
    func migration(_ moving: MovingInstance) throws(ComputeFault) -> Migration {
        if let migration = moving.migration ?? row?.migration { return migration }
        let text =
            "nothing here tells of a migration of the instance, which a worker sends along as its field 'migration'"
        throw ComputeFault(
            .migrationFailure, "Migration error: \(text)", instance: moving.instance.id,
            arguments: ["reason": .string(text)])
    }

    /// The image that the instance was built from; nil where it is not needed, or not there any more.
    func baseImage() async throws -> LocalImage? {
        guard driver.kind.needsImage, let instance = row?.instance, let reference = instance.imageRef else {
            return nil
        }
        return try await withThrowingTaskGroup(of: LocalImage?.self) { group in
            group.addTask { [services] in
                do {
                    return try await services.images.image(
                        reference, kernelID: instance.kernelID, ramdiskID: instance.ramdiskID)
                } catch let fault as ComputeFault where fault.kind == .imageNotFound {
                    return nil
                }
            }
            group.addTask { [services] in
                try await services.clock.sleep(for: .seconds(120))
                throw ComputeFault(.timeout, "The image was not there within 120 s.", instance: instance.id)
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }

    /// Does what need not succeed; the log names it.
    func attempting(_ what: String, _ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let fault as ComputeFault {
            logger.error(
                "part of a move failed, and it goes on without",
                metadata: [
                    LogKey.operation: .string(what), LogKey.error: .string(fault.message),
                    LogKey.instance: .string(entry.instance?.description ?? "-"),
                ])
        }
    }
}
