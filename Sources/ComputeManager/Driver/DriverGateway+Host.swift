// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Calls about the host itself; each is refused where the driver's type lacks its facet.
extension DriverGateway {
    func hostPowerAction(_ action: HostPowerAction) async throws -> String {
        let driver = try hostFacet((any HostPowerDriver).self, .hostPowerAction)
        return try await call(.hostPowerAction, isRepeatable: false) { try await driver.hostPowerAction(action) }
    }

    func setMaintenance(_ isOn: Bool) async throws -> String {
        let driver = try hostFacet((any HostMaintenanceDriver).self, .setMaintenance)
        return try await call(.setMaintenance) { try await driver.setMaintenance(isOn) }
    }

    func setHostEnabled(_ isEnabled: Bool) async throws -> String {
        let driver = try hostFacet((any HostEnablingDriver).self, .setHostEnabled)
        return try await call(.setHostEnabled) { try await driver.setHostEnabled(isEnabled) }
    }

    func addToAggregate(_ change: AggregateChange) async throws {
        let driver = try hostFacet((any AggregateDriver).self, .addToAggregate)
        try await call(.addToAggregate) { try await driver.addToAggregate(change) }
    }

    func removeFromAggregate(_ change: AggregateChange) async throws {
        let driver = try hostFacet((any AggregateDriver).self, .removeFromAggregate)
        try await call(.removeFromAggregate) { try await driver.removeFromAggregate(change) }
    }

    func undoAggregateChange(_ change: AggregateChange, _ kind: AggregateChange.Kind) async throws {
        let driver = try hostFacet((any AggregateDriver).self, .undoAggregateChange)
        try await call(.undoAggregateChange) { try await driver.undoAggregateChange(change, kind) }
    }

    func refreshSecurityGroupRules(_ groupID: Int) async throws {
        let driver = try hostFacet((any SecurityGroupDriver).self, .refreshSecurityGroupRules)
        try await call(.refreshSecurityGroupRules) { try await driver.refreshSecurityGroupRules(groupID) }
    }

    func refreshSecurityGroupMembers(_ groupID: Int) async throws {
        let driver = try hostFacet((any SecurityGroupDriver).self, .refreshSecurityGroupMembers)
        try await call(.refreshSecurityGroupMembers) { try await driver.refreshSecurityGroupMembers(groupID) }
    }

    func refreshSecurityRules(of instance: Instance) async throws {
        let driver = try hostFacet((any SecurityGroupDriver).self, .refreshSecurityRules)
        try await call(.refreshSecurityRules, on: instance.id) { try await driver.refreshSecurityRules(of: instance) }
    }

    func refreshProviderRules() async throws {
        let driver = try hostFacet((any ProviderRulesDriver).self, .refreshProviderRules)
        try await call(.refreshProviderRules) { try await driver.refreshProviderRules() }
    }

    private func hostFacet<Facet>(_: Facet.Type, _ operation: DriverOperation) throws(ComputeFault) -> Facet {
        guard let facet = driver as? Facet else { throw driver.unsupported(operation) }
        return facet
    }
}
