// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import ImageService

/// Images that are there at once, after a while, or not at all.
///
/// @unchecked Sendable because only the thread of the simulation touches it.
final class SimulatedImages: ImageService, @unchecked Sendable {
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
