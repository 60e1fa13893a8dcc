// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import FakeDriver

extension SimulatedDriver: HostPowerDriver {
    func hostPowerAction(_ action: HostPowerAction) async throws -> String {
        try await changeHost(.hostPowerAction) { try await $0.hostPowerAction(action) }
    }
}

extension SimulatedDriver: HostMaintenanceDriver {
    func setMaintenance(_ isOn: Bool) async throws -> String {
        try await changeHost(.setMaintenance) { try await $0.setMaintenance(isOn) }
    }
}

extension SimulatedDriver: HostEnablingDriver {
    func setHostEnabled(_ isEnabled: Bool) async throws -> String {
        try await changeHost(.setHostEnabled) { try await $0.setHostEnabled(isEnabled) }
    }
}

extension SimulatedDriver: AggregateDriver {
    func addToAggregate(_ change: AggregateChange) async throws {
        try await changeHost(.addToAggregate) { try await $0.addToAggregate(change) }
    }

    func removeFromAggregate(_ change: AggregateChange) async throws {
        try await changeHost(.removeFromAggregate) { try await $0.removeFromAggregate(change) }
    }

    func undoAggregateChange(_ change: AggregateChange, _ kind: AggregateChange.Kind) async throws {
        try await changeHost(.undoAggregateChange) { try await $0.undoAggregateChange(change, kind) }
    }
}

extension SimulatedDriver: SecurityGroupDriver {
    func refreshSecurityGroupRules(_ groupID: Int) async throws {
        try await changeHost(.refreshSecurityGroupRules) { try await $0.refreshSecurityGroupRules(groupID) }
    }

    func refreshSecurityGroupMembers(_ groupID: Int) async throws {
        try await changeHost(.refreshSecurityGroupMembers) { try await $0.refreshSecurityGroupMembers(groupID) }
    }

    func refreshSecurityRules(of instance: Instance) async throws {
        try await change(.refreshSecurityRules, instance) { try await $0.refreshSecurityRules(of: instance) }
    }
}

extension SimulatedDriver: ProviderRulesDriver {
    func refreshProviderRules() async throws {
        try await changeHost(.refreshProviderRules) { try await $0.refreshProviderRules() }
    }
}

extension SimulatedDriver: HostStatisticsDriver {
    func hostStatistics() async throws -> HostStatistics {
        try await ask(.hostStatistics, nil) { try await fake.hostStatistics() }
    }

    func hostCPUTimes() async throws -> HostCPUTimes {
        try await ask(.hostCPUTimes, nil) { try await fake.hostCPUTimes() }
    }
}

extension SimulatedDriver: ImageCachingDriver {
    func manageImageCache(inUse instances: [Instance]) async throws -> ImageCacheReport {
        try await changeHost(.manageImageCache) { try await $0.manageImageCache(inUse: instances) }
    }

    func cacheImage(_ image: LocalImage) async throws -> Bool {
        try await changeHost(.cacheImage) { try await $0.cacheImage(image) }
    }
}

extension SimulatedDriver: BandwidthReportingDriver {
    func bandwidth(of instances: [Instance]) async throws -> [InterfaceUsage] {
        try await ask(.bandwidth, instances.first?.id) { try await fake.bandwidth(of: instances) }
    }
}
