// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

extension DriverScenario {
    /// Interfaces, filters and rules.
    static let networks: [DriverScenario] = [
        DriverScenario(
            .attachInterface, isIdempotent: true, absence: .isNotFound, arrange: { try await $0.buildAlone() },
            act: { stage in
                try await stage.facet((any InterfaceAttachingDriver).self, .attachInterface)
                    .attachInterface(stage.interface, to: stage.instance)
            },
            shows: { stage in
                try await stage.expectFact(.interfaces, { $0 == [stage.address] }, "the interface is not there")
                try await stage.expectBoot(false)
            }),
        DriverScenario(
            .detachInterface, isIdempotent: true, absence: .isSuccess,
            arrange: { try await $0.buildWithInterface() },
            act: { stage in
                try await stage.facet((any InterfaceAttachingDriver).self, .detachInterface)
                    .detachInterface(stage.interface, from: stage.instance)
            },
            shows: { stage in
                try await stage.expectFact(.interfaces, { $0.isEmpty }, "the interface is still there")
                try await stage.expectBoot(false)
            }),
        DriverScenario(
            .plugVIFs, isIdempotent: true,
            // A guest that is there: some hypervisors connect the interfaces of one only as it starts.
            arrange: { stage in
                try await stage.buildWithInterface()
                try await stage.facet((any VIFPluggingDriver).self, .plugVIFs).unplugVIFs(stage.withInterface)
            },
            act: { stage in
                try await stage.facet((any VIFPluggingDriver).self, .plugVIFs).plugVIFs(stage.withInterface)
            },
            shows: { stage in
                try await stage.expectFact(.pluggedInterfaces, { $0 == [stage.address] }, "it is not plugged in")
            },
            clear: { stage in
                try await stage.facet((any VIFPluggingDriver).self, .plugVIFs).unplugVIFs(stage.withInterface)
            }),
        DriverScenario(
            .unplugVIFs, isIdempotent: true,
            arrange: { try await $0.buildWithInterface() },
            act: { stage in
                try await stage.facet((any VIFPluggingDriver).self, .unplugVIFs).unplugVIFs(stage.withInterface)
            },
            shows: { try await $0.expectFact(.pluggedInterfaces, { $0.isEmpty }, "it is still plugged in") }),
        DriverScenario(
            .injectNetworkInfo, absence: .isNotFound, arrange: { try await $0.build() },
            act: { stage in
                try await stage.facet((any NetworkInjectingDriver).self, .injectNetworkInfo)
                    .injectNetworkInfo(stage.withInterface)
            },
            shows: { stage in
                try await stage.expectFact(.injectedNetwork, { $0 == [stage.address] }, "the guest was not told")
            }),
        DriverScenario(
            .resetNetwork, absence: .isNotFound, arrange: { try await $0.build() },
            act: { try await $0.facet((any NetworkInjectingDriver).self, .resetNetwork).resetNetwork($0.instance) },
            shows: { try await $0.expectFact(.networkResets, { $0 == ["1"] }, "the guest was not asked") }),
        DriverScenario(
            .ensureFilters, isIdempotent: true,
            act: { stage in
                try await stage.facet((any InstanceFilteringDriver).self, .ensureFilters)
                    .ensureFilters(stage.withInterface)
            },
            shows: { try await $0.expectFact(.filters, { !$0.isEmpty }, "there are no filters") },
            clear: { stage in
                try await stage.facet((any InstanceFilteringDriver).self, .ensureFilters)
                    .removeFilters(stage.withInterface)
            }),
        DriverScenario(
            .removeFilters, isIdempotent: true,
            arrange: { stage in
                try await stage.facet((any InstanceFilteringDriver).self, .removeFilters)
                    .ensureFilters(stage.withInterface)
            },
            act: { stage in
                try await stage.facet((any InstanceFilteringDriver).self, .removeFilters)
                    .removeFilters(stage.withInterface)
            },
            shows: { try await $0.expectFact(.filters, { $0.isEmpty }, "there still are filters") }),
        DriverScenario(
            .refreshSecurityGroupRules,
            act: { stage in
                try await stage.facet((any SecurityGroupDriver).self, .refreshSecurityGroupRules)
                    .refreshSecurityGroupRules(7)
            },
            shows: { try await $0.expectFact(.refreshedGroups, { $0.last == "7" }, "the rules are as before") }),
        DriverScenario(
            .refreshSecurityGroupMembers,
            act: { stage in
                try await stage.facet((any SecurityGroupDriver).self, .refreshSecurityGroupMembers)
                    .refreshSecurityGroupMembers(8)
            },
            shows: { try await $0.expectFact(.refreshedGroupMembers, { $0.last == "8" }, "the rules are as before") }),
        DriverScenario(
            .refreshSecurityRules, absence: .isNotFound, arrange: { try await $0.build() },
            act: { stage in
                try await stage.facet((any SecurityGroupDriver).self, .refreshSecurityRules)
                    .refreshSecurityRules(of: stage.instance)
            },
            shows: { try await $0.expectFact(.ruleRefreshes, { $0 == ["1"] }, "the rules are as before") }),
        DriverScenario(
            .refreshProviderRules,
            act: { try await $0.facet((any ProviderRulesDriver).self, .refreshProviderRules).refreshProviderRules() },
            shows: { try await $0.expectFact(.providerRuleRefreshes, { $0 != ["0"] }, "the rules are as before") }),
    ]
}

extension Stage {
    /// The guest with its interface, whether or not it was built with that.
    fileprivate var withInterface: GuestRequest { GuestRequest(instance: instance, networkInfo: [interface]) }
}
