// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import ImageService

/// Images that are there at once, after a while, or not at all; and those that snapshots become.
///
/// @unchecked Sendable because only the thread of the simulation touches it.
final class SimulatedImages: ImageLibrary, @unchecked Sendable {
    /// The image that is nowhere.
    static let missing = "absent"

    private let world: World

    init(world: World) { self.world = world }

    func image(_ id: String, kernelID: String?, ramdiskID: String?) async throws -> LocalImage {
        if world.dice.chance(30) { try await world.clock.sleep(for: .milliseconds(world.dice.below(5000))) }
        guard id != Self.missing else {
            throw ComputeFault(.imageNotFound, "Image \(id) could not be found.", arguments: ["image_id": .string(id)])
        }
        return LocalImage(
            metadata: ImageMetadata(id: id, name: "cirros", diskFormat: "qcow2"), path: "/images/\(id)",
            virtualSize: 1 << 20)
    }
}

extension SimulatedImages {
    func begin(_ id: String) async throws -> String {
        guard world.snapshots[id] == nil else {
            throw ComputeFault(.imageUnacceptable, "Image \(id) is there.", arguments: ["image_id": .string(id)])
        }
        return "/images/.\(id).part"
    }

    func publish(_ id: String, _ fields: JSONObject, at time: Timestamp) async throws {
        if world.dice.chance(30) { try await world.clock.sleep(for: .milliseconds(world.dice.below(5000))) }
        var fields = fields
        fields["created_at"] = .string(time.iso)
        world.snapshots[id] = ImageMetadata(id: id, name: id, diskFormat: "raw", fields: fields)
    }

    func discard(_ id: String) async throws {}

    func metadata(of id: String) async throws -> ImageMetadata? { world.snapshots[id] }

    func images(having values: JSONObject) async throws -> [ImageMetadata] {
        let images = world.snapshots.values.filter { image in
            values.members.allSatisfy { image.fields[$0.key] == $0.value }
        }
        return images.sorted {
            ($0.fields["created_at"]?.string ?? "", $0.id) < ($1.fields["created_at"]?.string ?? "", $1.id)
        }
    }

    func delete(_ id: String) async throws { world.snapshots[id] = nil }
}
