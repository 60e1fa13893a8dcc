// SPDX-License-Identifier: Apache-2.0

/// A resize or a move to another host, from its beginning to its confirmation.
///
/// Folsom's services read it from their database by its number; a worker has none and sends it along, as the field
/// `migration` of the instance, which others ignore.
public struct Migration: Sendable, Hashable {
    /// How far it is, in nova's words.
    public enum Status: String, Sendable, Hashable, CaseIterable {
        case preMigrating = "pre-migrating"
        case migrating
        case postMigrating = "post-migrating"
        case finished
        case confirmed
        case reverted
        case error
    }

    /// The number by which the other services know it.
    public let id: Int
    public let sourceHost: String
    public let destinationHost: String
    /// The address of the destination, for the copying of disks.
    public let destinationAddress: String
    /// The flavors (`instance_type`) before and after.
    public var oldFlavor: JSONObject
    public let newFlavor: JSONObject
    public var status: Status

    public init(
        id: Int, sourceHost: String, destinationHost: String, destinationAddress: String, oldFlavor: JSONObject,
        newFlavor: JSONObject, status: Status
    ) {
        self.id = id
        self.sourceHost = sourceHost
        self.destinationHost = destinationHost
        self.destinationAddress = destinationAddress
        self.oldFlavor = oldFlavor
        self.newFlavor = newFlavor
        self.status = status
    }

    /// Reads what ``json`` wrote; nil where something is missing or of another type.
    public init?(_ json: JSONValue) {
        guard let id = json["id"]?.int, let source = json["source_compute"]?.string,
            let destination = json["dest_compute"]?.string, let address = json["dest_host"]?.string,
            let old = json["old_instance_type"]?.object, let new = json["new_instance_type"]?.object,
            let status = json["status"]?.string.flatMap({ Status(rawValue: $0) })
        else { return nil }
        self.init(
            id: id, sourceHost: source, destinationHost: destination, destinationAddress: address, oldFlavor: old,
            newFlavor: new, status: status)
    }

    public var json: JSONValue {
        [
            "id": JSONValue(id), "source_compute": .string(sourceHost), "dest_compute": .string(destinationHost),
            "dest_host": .string(destinationAddress), "old_instance_type": .object(oldFlavor),
            "new_instance_type": .object(newFlavor), "status": .string(status.rawValue),
        ]
    }
}
