// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

extension InstanceChange {
    /// Tells that the instance was used since the audit period began, nova's `notify_usage_exists`.
    mutating func notifyExists(elevated: Bool = false) {
        notify("exists", elevated: elevated, extra: existence)
    }

    /// Tells where the instance is in its network, with the event.
    mutating func notifyWithAddresses(_ event: String, elevated: Bool = false) {
        notify(event, elevated: elevated, extra: ["fixed_ips": InstancePayload.fixedIPs(row.networkInfo)])
    }
}
