// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

extension FolsomDialect {
    /// To another size or another host.
    static let moves: [any MethodBinding] = [
        Binding(
            "prep_resize", since: first, PrepResize.self,
            parameters: [
                .instance, Parameter("instance_type", .object, isRequired: true), Parameter("image", .object),
                .reservations,
            ], decode: prepResize),
        Binding(
            "resize_instance", since: first, ResizeInstance.self,
            parameters: [.instance, .migrationID, Parameter("image", .object), .reservations],
            decode: resizeInstance),
        Binding(
            "finish_resize", since: first, FinishResize.self,
            parameters: [
                .instance, .migrationID, Parameter("image", .object), Parameter("disk_info", .string), .reservations,
            ], decode: finishResize),
        Binding(
            "confirm_resize", since: first, ConfirmResize.self, parameters: [.instance, .migrationID, .reservations],
            decode: endOfResize),
        Binding(
            "revert_resize", since: first, RevertResize.self, parameters: [.instance, .migrationID, .reservations],
            decode: endOfResize),
        Binding(
            "finish_revert_resize", since: first, FinishRevertResize.self,
            parameters: [.instance, .migrationID, .reservations], decode: endOfResize),
        Binding(
            "check_can_live_migrate_destination", since: first, CheckCanLiveMigrateDestination.self,
            parameters: [
                .instance, Parameter("block_migration", .boolean), Parameter("disk_over_commit", .boolean),
            ], decode: checkDestination),
        Binding(
            "check_can_live_migrate_source", since: first, CheckCanLiveMigrateSource.self,
            parameters: [.instance, Parameter("dest_check_data", .object, isRequired: true)], decode: checkSource),
        Binding(
            "live_migration", since: first, LiveMigration.self,
            parameters: [
                .instance, Parameter("dest", .string, isRequired: true), Parameter("block_migration", .boolean),
                Parameter("migrate_data", .object),
            ], decode: liveMigration),
        Binding(
            "pre_live_migration", since: first, PreLiveMigration.self,
            parameters: [.instance, Parameter("block_migration", .boolean), Parameter("disk", .string)],
            decode: preLiveMigration),
        Binding(
            "post_live_migration_at_destination", since: first, PostLiveMigrationAtDestination.self,
            parameters: [.instance, Parameter("block_migration", .boolean)], decode: postLiveMigration),
        Binding(
            "rollback_live_migration_at_destination", since: first, RollbackLiveMigrationAtDestination.self,
            decode: moving),
    ]

    @Sendable
    private static func moving(_ reader: inout ArgumentReader) throws(ComputeFault) -> MovingInstance {
        try MovingInstance(try reader.instance())
    }

    @Sendable
    private static func prepResize(_ reader: inout ArgumentReader) throws(ComputeFault) -> PrepResize.Arguments {
        let instance = try MovingInstance(try reader.instance()).instance
        guard let flavor = try reader.object("instance_type") else {
            throw reader.fault("missing required argument 'instance_type'")
        }
        if let host = instance.host { try reader.checkHostName(host, "instance.host") }
        // Wrong sizes are to be refused here, not where the guest is already off.
        _ = try instance.resized(to: flavor)
        return PrepResize.Arguments(
            instance: instance, flavor: flavor, image: try reader.object("image").map { .object($0) } ?? .null,
            reservations: try reader.reservations())
    }

    @Sendable
    private static func resizeInstance(_ reader: inout ArgumentReader) throws(ComputeFault) -> ResizeInstance.Arguments
    {
        _ = try reader.migrationID()
        return ResizeInstance.Arguments(
            moving: try moving(&reader), image: try reader.object("image").map { .object($0) } ?? .null,
            reservations: try reader.reservations())
    }

    @Sendable
    private static func finishResize(_ reader: inout ArgumentReader) throws(ComputeFault) -> FinishResize.Arguments {
        _ = try reader.migrationID()
        _ = try reader.object("image")
        _ = try reader.reservations()
        return FinishResize.Arguments(
            moving: try moving(&reader), transfer: DiskTransfer(try reader.string("disk_info")))
    }

    @Sendable
    private static func endOfResize(_ reader: inout ArgumentReader) throws(ComputeFault) -> MoveArguments {
        MoveArguments(
            moving: try moving(&reader), migrationID: try reader.migrationID(),
            reservations: try reader.reservations())
    }

    @Sendable
    private static func checkDestination(
        _ reader: inout ArgumentReader
    ) throws(ComputeFault) -> CheckCanLiveMigrateDestination.Arguments {
        CheckCanLiveMigrateDestination.Arguments(
            instance: try reader.instance(), takesDisks: try reader.bool("block_migration", default: false),
            mayOvercommitDisk: try reader.bool("disk_over_commit", default: false))
    }

    @Sendable
    private static func checkSource(
        _ reader: inout ArgumentReader
    ) throws(ComputeFault) -> CheckCanLiveMigrateSource.Arguments {
        guard let check = try reader.object("dest_check_data") else {
            throw reader.fault("missing required argument 'dest_check_data'")
        }
        return CheckCanLiveMigrateSource.Arguments(instance: try reader.instance(), destination: check)
    }

    @Sendable
    private static func liveMigration(_ reader: inout ArgumentReader) throws(ComputeFault) -> LiveMigration.Arguments {
        LiveMigration.Arguments(
            instance: try reader.instance(), destination: try reader.hostName("dest"),
            takesDisks: try reader.bool("block_migration", default: false),
            migrateData: try reader.object("migrate_data") ?? JSONObject())
    }

    @Sendable
    private static func preLiveMigration(
        _ reader: inout ArgumentReader
    ) throws(ComputeFault) -> PreLiveMigration.Arguments {
        let takesDisks = try reader.bool("block_migration", default: false)
        var disks: [GuestDisk] = []
        if let text = try reader.string("disk") {
            for element in try list(of: text, reader) {
                guard let disk = GuestDisk(element) else {
                    throw reader.fault("argument 'disk' holds something that is no disk")
                }
                disks.append(disk)
            }
        }
        return PreLiveMigration.Arguments(moving: try moving(&reader), disks: takesDisks ? disks : nil)
    }

    private static func list(of text: String, _ reader: ArgumentReader) throws(ComputeFault) -> [JSONValue] {
        let fault = reader.fault("argument 'disk' must be the JSON text of a list of disks")
        let value: JSONValue
        do { value = try JSONParser.parse(text) } catch { throw fault }
        guard let list = value.array else { throw fault }
        return list
    }

    @Sendable
    private static func postLiveMigration(_ reader: inout ArgumentReader) throws(ComputeFault) -> MovingInstance {
        _ = try reader.bool("block_migration", default: false)
        return try moving(&reader)
    }
}

extension Parameter {
    fileprivate static let migrationID = Parameter("migration_id", .integer, isRequired: true)
    fileprivate static let reservations = Parameter("reservations", .array)
}

extension ArgumentReader {
    fileprivate mutating func migrationID() throws(ComputeFault) -> Int {
        guard let value = value("migration_id") else { throw fault("missing required argument 'migration_id'") }
        guard let number = value.int else { throw wrong("migration_id", "a whole number", value) }
        return number
    }

    /// Quota reservations of nova's API; nobody here reads them.
    fileprivate mutating func reservations() throws(ComputeFault) -> JSONValue {
        try array("reservations").map { .array($0) } ?? .null
    }
}

extension GuestDisk {
    /// Reads nova's element of `disk_info`.
    fileprivate init?(_ json: JSONValue) {
        guard let format = json["type"]?.string, let path = json["path"]?.string,
            let virtualSize = json["virt_disk_size"]?.int
        else { return nil }
        self.init(
            format: format, path: path, virtualSize: ByteCount(bytes: Int64(virtualSize)),
            size: ByteCount(bytes: Int64(json["disk_size"]?.int ?? virtualSize)),
            backingFile: json["backing_file"]?.string.flatMap { $0.isEmpty ? nil : $0 })
    }
}
