// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
internal import ComputeModel

extension FakeDriver: HostPowerDriver {
    /// Takes note of it; the guests stay as they are.
    public func hostPowerAction(_ action: HostPowerAction) async throws -> String {
        try await perform(.hostPowerAction) { state in
            state.host.powerActions.append(action)
            return action.rawValue
        }
    }
}

extension FakeDriver: HostMaintenanceDriver {
    /// The guests go to the next host of the cluster; those of one that is alone stay.
    public func setMaintenance(_ isOn: Bool) async throws -> String {
        let neighbour = cluster.neighbour(of: hostname)
        _ = try await transfer(
            .setMaintenance, amount: .gib(1),
            finish: { state in
                state.host.isInMaintenance = isOn
                guard isOn, neighbour != nil else { return [FakeGuest]() }
                let leaving = state.guests.values.filter(\.isOn).sorted { $0.id < $1.id }
                for guest in leaving {
                    state.guests[guest.id] = nil
                    state.tell(.changed(guest.id, .shutdown))
                }
                return leaving
            },
            elsewhere: { guests in neighbour?.withLock { state in guests.forEach { state.boot($0) } } })
        return isOn ? "on_maintenance" : "off_maintenance"
    }
}

extension FakeDriver: HostEnablingDriver {
    public func setHostEnabled(_ isEnabled: Bool) async throws -> String {
        try await perform(.setHostEnabled) { state in
            state.host.isEnabled = isEnabled
            return isEnabled ? "enabled" : "disabled"
        }
    }
}

extension FakeDriver: HostUptimeDriver {
    public func hostUptime() async throws -> String {
        try await perform(.hostUptime) { _ in
            " 12:00:00 up 1 day,  0:00,  0 users,  load average: 0.00, 0.00, 0.00"
        }
    }
}

extension FakeDriver: HostAddressDriver {
    public func hostAddress() async throws -> String {
        try await perform(.hostAddress) { _ in address }
    }
}

extension FakeDriver: HostStatisticsDriver {
    public func hostStatistics() async throws -> HostStatistics {
        try await perform(.hostStatistics) { state in
            let resources = resources(state)
            return HostStatistics(
                resources: resources, memoryFree: resources.memory - resources.memoryUsed,
                diskAvailable: resources.disk - resources.diskUsed,
                cpuInfo: [
                    "arch": "x86_64", "model": "fake", "vendor": "fake", "features": [],
                    "topology": ["sockets": 1, "cores": 1000, "threads": 1],
                ],
                supportedInstances: [SupportedInstance(architecture: "x86_64", hypervisor: "fake", mode: "hvm")])
        }
    }

    public func hostCPUTimes() async throws -> HostCPUTimes {
        try await perform(.hostCPUTimes) { _ in
            HostCPUTimes(
                kernel: .seconds(100), user: .seconds(1000), idle: .seconds(10_000), ioWait: .seconds(10),
                megahertz: 800)
        }
    }
}

extension FakeDriver: AggregateDriver {
    public func addToAggregate(_ change: AggregateChange) async throws {
        try await perform(.addToAggregate) { $0.setMember(change, true) }
    }

    public func removeFromAggregate(_ change: AggregateChange) async throws {
        try await perform(.removeFromAggregate) { $0.setMember(change, false) }
    }

    public func undoAggregateChange(_ change: AggregateChange, _ kind: AggregateChange.Kind) async throws {
        try await perform(.undoAggregateChange) { $0.setMember(change, kind == .leaving) }
    }
}

extension FakeHostState.State {
    fileprivate mutating func setMember(_ change: AggregateChange, _ isMember: Bool) {
        var members = host.aggregates[change.aggregateID] ?? []
        defer { host.aggregates[change.aggregateID] = members.isEmpty ? nil : members }
        if isMember { members.insert(change.host) } else { members.remove(change.host) }
    }
}
