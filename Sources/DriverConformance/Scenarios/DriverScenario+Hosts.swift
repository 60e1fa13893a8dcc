// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

extension DriverScenario {
    /// The host itself.
    static let hosts: [DriverScenario] = [
        DriverScenario(
            .hostPowerAction,
            act: { stage in
                _ = try await stage.facet((any HostPowerDriver).self, .hostPowerAction).hostPowerAction(.reboot)
            },
            shows: { try await $0.expectFact(.powerActions, { $0.last == "reboot" }, "the host was not switched") }),
        DriverScenario(
            .setMaintenance,
            act: { stage in
                let answer = try await stage.facet((any HostMaintenanceDriver).self, .setMaintenance)
                    .setMaintenance(true)
                stage.expect(answer == "on_maintenance", "the host answers '\(answer)'")
            },
            shows: { try await $0.expectFact(.maintenance, { $0 == ["true"] }, "the host is not in maintenance") },
            clear: { stage in
                let answer = try await stage.facet((any HostMaintenanceDriver).self, .setMaintenance)
                    .setMaintenance(false)
                stage.expect(answer == "off_maintenance", "the host answers '\(answer)'")
                try await stage.expectFact(.maintenance, { $0 == ["false"] }, "the host is still in maintenance")
            }),
        DriverScenario(
            .setHostEnabled,
            act: { stage in
                let answer = try await stage.facet((any HostEnablingDriver).self, .setHostEnabled).setHostEnabled(false)
                stage.expect(answer == "disabled", "the host answers '\(answer)'")
            },
            shows: { try await $0.expectFact(.enabled, { $0 == ["false"] }, "the host is not disabled") },
            clear: { stage in
                let answer = try await stage.facet((any HostEnablingDriver).self, .setHostEnabled).setHostEnabled(true)
                stage.expect(answer == "enabled", "the host answers '\(answer)'")
                try await stage.expectFact(.enabled, { $0 == ["true"] }, "the host is still disabled")
            }),
        DriverScenario(
            .hostUptime,
            act: { stage in
                let line = try await stage.facet((any HostUptimeDriver).self, .hostUptime).hostUptime()
                stage.expect(line.contains(" up ") && line.contains("load average"), "the line is '\(line)'")
            }),
        DriverScenario(
            .hostAddress,
            act: { stage in
                let address = try await stage.facet((any HostAddressDriver).self, .hostAddress).hostAddress()
                stage.expect(address.contains(".") || address.contains(":"), "the address is '\(address)'")
            }),
        DriverScenario(
            .hostStatistics,
            act: { stage in
                let figures = try await stage.facet((any HostStatisticsDriver).self, .hostStatistics).hostStatistics()
                stage.expect(figures.memoryFree <= figures.resources.memory, "more memory is free than there is")
                stage.expect(figures.diskAvailable <= figures.resources.disk, "more disk is free than there is")
                stage.expect(!figures.supportedInstances.isEmpty, "the host can run nothing")
                stage.expect(figures.cpuInfo["arch"]?.string != nil, "the processor has no 'arch'")
            }),
        DriverScenario(
            .hostCPUTimes,
            act: { stage in
                let times = try await stage.facet((any HostStatisticsDriver).self, .hostCPUTimes).hostCPUTimes()
                stage.expect(times.idle + times.user + times.kernel > .zero, "the processors did nothing")
            }),
        DriverScenario(
            .addToAggregate,
            act: { stage in
                try await stage.facet((any AggregateDriver).self, .addToAggregate).addToAggregate(stage.membership)
            },
            shows: { stage in
                try await stage.expectFact(
                    .aggregates, { $0.contains(stage.membershipWords) }, "the host is no member")
            },
            clear: { stage in
                try await stage.facet((any AggregateDriver).self, .addToAggregate)
                    .removeFromAggregate(stage.membership)
            }),
        DriverScenario(
            .removeFromAggregate,
            arrange: { stage in
                try await stage.facet((any AggregateDriver).self, .removeFromAggregate)
                    .addToAggregate(stage.membership)
            },
            act: { stage in
                try await stage.facet((any AggregateDriver).self, .removeFromAggregate)
                    .removeFromAggregate(stage.membership)
            },
            shows: { stage in
                try await stage.expectFact(
                    .aggregates, { !$0.contains(stage.membershipWords) }, "the host is still a member")
            }),
        DriverScenario(
            .undoAggregateChange,
            arrange: { stage in
                try await stage.facet((any AggregateDriver).self, .undoAggregateChange)
                    .addToAggregate(stage.membership)
            },
            act: { stage in
                try await stage.facet((any AggregateDriver).self, .undoAggregateChange)
                    .undoAggregateChange(stage.membership, .joining)
            },
            shows: { stage in
                try await stage.expectFact(
                    .aggregates, { !$0.contains(stage.membershipWords) }, "the host is still a member")
            }),
    ]
}

extension Stage {
    fileprivate var membership: AggregateChange { AggregateChange(aggregateID: 7, host: bench.hostName) }
    fileprivate var membershipWords: String { "7:\(bench.hostName)" }
}
