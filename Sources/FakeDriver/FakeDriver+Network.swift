// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel

extension FakeDriver: InterfaceAttachingDriver {
    public func attachInterface(_ interface: JSONValue, to instance: Instance) async throws {
        try await perform(.attachInterface, on: instance.id) { state throws(ComputeFault) in
            let address = try Self.address(of: interface, instance)
            if try state.guest(instance.id).macAddresses.contains(address) { return }
            try state.change(instance.id) { $0.interfaces.append(interface) }
            state.host.plugged[instance.id, default: []].append(address)
        }
    }

    public func detachInterface(_ interface: JSONValue, from instance: Instance) async throws {
        try await perform(.detachInterface, on: instance.id) { state throws(ComputeFault) in
            let address = try Self.address(of: interface, instance)
            guard state.guests[instance.id] != nil else { return }
            try state.change(instance.id) { $0.interfaces.removeAll { $0["address"]?.string == address } }
            state.host.plugged[instance.id]?.removeAll { $0 == address }
        }
    }

    private static func address(of interface: JSONValue, _ instance: Instance) throws(ComputeFault) -> String {
        guard let address = interface["address"]?.string else {
            throw ComputeFault.invalid("An interface has no MAC address ('address').", instance: instance.id)
        }
        return address
    }
}

extension FakeDriver: VIFPluggingDriver {
    public func plugVIFs(_ request: GuestRequest) async throws {
        try await perform(.plugVIFs, on: request.instance.id) { state in
            state.host.plugged[request.instance.id] = request.networkInfo.compactMap { $0["address"]?.string }
        }
    }

    public func unplugVIFs(_ request: GuestRequest) async throws {
        try await perform(.unplugVIFs, on: request.instance.id) { state in
            state.host.plugged[request.instance.id] = nil
        }
    }
}

extension FakeDriver: NetworkInjectingDriver {
    public func injectNetworkInfo(_ request: GuestRequest) async throws {
        try await perform(.injectNetworkInfo, on: request.instance.id) { state throws(ComputeFault) in
            try state.change(request.instance.id) { $0.injectedNetworkInfo = request.networkInfo }
        }
    }

    public func resetNetwork(_ instance: Instance) async throws {
        try await perform(.resetNetwork, on: instance.id) { state throws(ComputeFault) in
            try state.change(instance.id) { $0.networkResets += 1 }
        }
    }
}

extension FakeDriver: InstanceFilteringDriver {
    public func ensureFilters(_ request: GuestRequest) async throws {
        try await perform(.ensureFilters, on: request.instance.id) { state in
            _ = state.host.filtered.insert(request.instance.id)
        }
    }

    public func removeFilters(_ request: GuestRequest) async throws {
        try await perform(.removeFilters, on: request.instance.id) { state in
            _ = state.host.filtered.remove(request.instance.id)
        }
    }
}

extension FakeDriver: SecurityGroupDriver {
    public func refreshSecurityGroupRules(_ groupID: Int) async throws {
        try await perform(.refreshSecurityGroupRules) { $0.host.refreshedGroups.append(groupID) }
    }

    public func refreshSecurityGroupMembers(_ groupID: Int) async throws {
        try await perform(.refreshSecurityGroupMembers) { $0.host.refreshedGroupMembers.append(groupID) }
    }

    public func refreshSecurityRules(of instance: Instance) async throws {
        try await perform(.refreshSecurityRules, on: instance.id) { state throws(ComputeFault) in
            try state.change(instance.id) { $0.ruleRefreshes += 1 }
        }
    }
}

extension FakeDriver: ProviderRulesDriver {
    public func refreshProviderRules() async throws {
        try await perform(.refreshProviderRules) { $0.host.providerRuleRefreshes += 1 }
    }
}
