// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// An instance as one worker hands it to another: with what Folsom's services would read from their database.
///
/// On the wire two fields of the instance carry it, which others ignore: `migration`, and `worker_details` with what a
/// row keeps beside the instance. How a host reaches a volume is that host's own and stays behind.
struct MovingInstance: Sendable {
    static let migrationField = "migration"
    static let detailsField = "worker_details"
    /// The hosts that have passed a delete on, among the details.
    static let passedOnKey = "passed_on_by"
    /// In a rollback: whether the source sees the guest running.
    static let runsAtSourceKey = "runs_at_source"
    private static let networkKey = "network_info"

    /// Without the fields of the journey.
    let instance: Instance
    let migration: Migration?
    let details: JSONObject
    let networkInfo: [JSONValue]
    let runsAtSource: Bool

    init(_ arriving: Instance) throws(ComputeFault) {
        let fields = arriving.fields
        migration = fields[Self.migrationField].flatMap { Migration($0) }
        var details = fields[Self.detailsField]?.object ?? JSONObject()
        networkInfo = details[Self.networkKey]?.array ?? []
        details[Self.networkKey] = nil
        runsAtSource = details[Self.runsAtSourceKey]?.bool == true
        details[Self.runsAtSourceKey] = nil
        self.details = details
        let isPlain = fields[Self.migrationField] == nil && fields[Self.detailsField] == nil
        instance = isPlain ? arriving : try arriving.with(without: [Self.migrationField, Self.detailsField])
    }

    /// What is sent of a row.
    static func json(
        of row: StoredInstance, migration: Migration?, also extra: JSONObject = JSONObject()
    ) throws(ComputeFault) -> JSONValue {
        try packed(row, migration: migration, also: extra).json
    }

    /// A row's instance with what goes along with it.
    static func packed(
        _ row: StoredInstance, migration: Migration?, also extra: JSONObject = JSONObject()
    ) throws(ComputeFault) -> Instance {
        var details = row.details
        let own = StoredInstance.keysOfTheMove + [Build.contextKey, Build.causeKey, StoredInstance.stateSinceKey]
        for key in own { details[key] = nil }
        if let devices = details[BlockDevices.key] {
            details[BlockDevices.key] = BlockDevices.withoutConnections(devices)
        }
        for member in extra.members { details[member.key] = member.value }
        details[networkKey] = .array(row.networkInfo)
        var values: JSONObject = [detailsField: .object(details)]
        if let migration { values[migrationField] = migration.json }
        return try row.instance.with(values)
    }
}
