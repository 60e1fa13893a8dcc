// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager

extension ManagerConfiguration {
    /// What nova.conf decides about the manager.
    init(_ configuration: WorkerConfiguration) {
        let options = configuration.manager
        let notifications = configuration.notifications
        self.init(
            host: configuration.host, glanceURL: configuration.images.glanceURL,
            updates: UpdateNotifications(
                onStateChange: notifications.stateChanges, onAnyChange: notifications.everyChange),
            auditPeriod: notifications.auditPeriod, ignorableSpawnArguments: options.ignoredArguments,
            buildSlots: options.buildSlots, operationSlots: options.laneSlots, readSlots: options.callSlots,
            ageLimits: options.ageLimits, doneWorkRetention: options.doneWorkRetention,
            doneWorkRows: options.doneWorkRows, lanesClosed: options.lanesClosed)
        consoles = options.consoles
        peerTimeout = configuration.messaging.responseTimeout
        computeTopic = configuration.messaging.topic
        schedulerTopic = configuration.messaging.schedulerTopic
        deleteRetryTime = options.deleteRetryTime
        rescueImages = configuration.images.rescue
        address = configuration.address
        bootID = SystemBoot.id
        allowsResizeToSameHost = options.allowsResizeToSameHost
        resumesGuestsOnHostBoot = options.resumesGuestsOnHostBoot
        claims = configuration.periodic.claims
        periodic = configuration.periodic.tasks
        powerSyncInterval = configuration.periodic.powerSyncInterval
        // A soft reboot waits for the guest before it falls back; the deadline lies beyond that.
        deadlines.reboot = configuration.libvirt.softRebootWait + deadlines.change
    }
}
