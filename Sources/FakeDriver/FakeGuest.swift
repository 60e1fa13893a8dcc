// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// A guest that exists in memory only.
struct FakeGuest: Sendable {
    let id: InstanceID
    let name: String
    let memoryMiB: Int
    let vcpus: Int
    let rootGiB: Int
    var powerState: PowerState
    /// Counts the starts of all guests, like a hypervisor's domain id; nil while off.
    var boot: Int?
    /// Whether a start of it is under way; see ``FakeDriver/outsideStart(_:)``.
    var isChanging = false
}
