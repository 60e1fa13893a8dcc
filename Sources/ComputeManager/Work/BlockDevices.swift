// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// The volumes of an instance and the device names that are held for some, kept in its row beside nova's fields.
///
/// An element is written before anything is asked of the volume's service or the driver, so that whatever was begun is
/// found again. Connections hold passwords: they leave the row for the driver and for nobody else.
struct BlockDevices: Sendable {
    enum State: String, Sendable, Hashable {
        /// The name is held; nothing is known of a volume, or nothing was begun with it.
        case reserved
        /// The volume's service or the driver was asked, or is about to be.
        case attaching
        case attached
        /// It is being let go of.
        case detaching
    }

    struct Element: Sendable {
        /// Nil for a name that is held for a volume to come (nova keeps `reserved` for it).
        var volumeID: String?
        /// `/dev/vdb`.
        var deviceName: String
        /// Nil until the volume's service has told how this host reaches it.
        var connection: Secret<JSONObject>?
        var isDeletedOnTermination = false
        var state: State
    }

    /// Where the row keeps them.
    static let key = "block_devices"

    /// In the order in which they came.
    var elements: [Element]

    init() { elements = [] }

    init(_ row: StoredInstance) {
        elements = row.details[Self.key]?.array?.compactMap(Element.init(json:)) ?? []
    }

    /// What the driver is told of: all that this host has, or had, a connection to.
    var devices: [BlockDevice] { elements.compactMap(\.device) }

    /// The element of a volume; setting one replaces it, adds it at the end, or with nil removes it.
    subscript(volumeID: String) -> Element? {
        get { elements.first { $0.volumeID == volumeID } }
        set {
            let index = elements.firstIndex { $0.volumeID == volumeID }
            switch (index, newValue) {
            case (let index?, let value?): elements[index] = value
            case (let index?, nil): elements.remove(at: index)
            case (nil, let value?): elements.append(value)
            case (nil, nil): break
            }
        }
    }

    /// Whether a volume or a reservation has the name.
    func holds(deviceName: String) -> Bool { elements.contains { $0.deviceName == deviceName } }

    /// Writes them back; an instance without any keeps nothing.
    func write(to row: inout StoredInstance) {
        row.details[Self.key] = elements.isEmpty ? nil : .array(elements.map(\.json))
    }
}

extension BlockDevices.Element {
    /// Nil while there is no connection.
    var device: BlockDevice? {
        guard let volumeID, let connection else { return nil }
        return BlockDevice(
            volumeID: volumeID, deviceName: deviceName, connection: connection,
            isDeletedOnTermination: isDeletedOnTermination)
    }

    /// Nil for what this worker did not write.
    fileprivate init?(json: JSONValue) {
        guard let name = json["device_name"]?.string,
            let state = json["state"]?.string.flatMap(BlockDevices.State.init(rawValue:))
        else { return nil }
        self.init(
            volumeID: json["volume_id"]?.string, deviceName: name,
            connection: json["connection_info"]?.object.map { Secret($0) },
            isDeletedOnTermination: json["delete_on_termination"]?.bool ?? false, state: state)
    }

    fileprivate var json: JSONValue {
        [
            "volume_id": JSONValue(volumeID), "device_name": .string(deviceName),
            "connection_info": connection.map { .object($0.reveal()) } ?? .null,
            "delete_on_termination": .bool(isDeletedOnTermination), "state": .string(state.rawValue),
        ]
    }
}

extension BlockDevices {
    /// The same without the ways to the volumes, which are this host's own.
    static func withoutConnections(_ list: JSONValue) -> JSONValue {
        guard let elements = list.array else { return .null }
        return .array(
            elements.compactMap(Element.init(json:)).map { element in
                var element = element
                element.connection = nil
                return element.json
            })
    }
}

extension StoredInstance {
    /// The guest with its interfaces and volumes, as a driver is asked about it.
    var guest: GuestRequest {
        GuestRequest(instance: instance, networkInfo: networkInfo, blockDevices: BlockDevices(self).devices)
    }
}

extension InstanceChange {
    /// Changes the volumes that the row keeps.
    mutating func amendBlockDevices(_ body: (inout BlockDevices) -> Void) {
        amend { row in
            var devices = BlockDevices(row)
            body(&devices)
            devices.write(to: &row)
        }
    }
}
