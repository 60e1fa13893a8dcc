// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Synchronization
internal import WorkerStore

/// What the host has, as of the last time that the hypervisor told it.
final class HostCapacity: Sendable {
    let rules: ClaimRules
    private let state = Mutex<HostResources?>(nil)

    init(rules: ClaimRules) { self.rules = rules }

    /// Nil before the first answer of the hypervisor.
    var resources: HostResources? { state.withLock { $0 } }

    func note(_ resources: HostResources) { state.withLock { $0 = resources } }

    /// What a request may claim: the `limits` of its filter properties, else the operator's ratios.
    func limits(_ filterProperties: JSONObject?) -> ClaimLimits {
        rules.limits(filterProperties, total: resources.map { ClaimAmounts(of: $0) })
    }
}

extension ClaimAmounts {
    init(of resources: HostResources) {
        self.init(vcpus: resources.vcpus, memoryMiB: resources.memory.mib, diskGiB: resources.disk.gib)
    }
}
