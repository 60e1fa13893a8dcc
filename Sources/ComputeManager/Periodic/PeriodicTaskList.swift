// SPDX-License-Identifier: Apache-2.0

/// Every periodic task there is; nothing else keeps a list.
enum PeriodicTaskList {
    /// In the order in which nova runs them. Power states are the reconciler's, which listens to events besides.
    static func all(_ surroundings: PeriodicSurroundings) -> [any PeriodicTask] {
        [
            Heartbeat(surroundings: surroundings), ResourceAudit(surroundings), CapabilitiesReport(surroundings),
            BandwidthPoll(surroundings: surroundings),
            UsageAudit(surroundings: surroundings), InstanceTimeout.rescue(surroundings),
            InstanceTimeout.reboot(surroundings),
            BuildTimeout(surroundings: surroundings), NetworkInfoHealing(surroundings),
            ImageCachePass(surroundings: surroundings), InstanceTimeout.reclaim(surroundings),
            InstanceTimeout.confirm(surroundings),
            RunningDeletedCleanup(surroundings: surroundings),
        ]
    }
}
