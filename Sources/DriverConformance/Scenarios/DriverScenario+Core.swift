// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

extension DriverScenario {
    /// What every driver has.
    static let core: [DriverScenario] = [
        DriverScenario(
            .listInstances, arrange: { try await $0.build() },
            act: { stage in
                let found = try await stage.driver.instances().filter { $0.id == stage.instance.id }
                stage.expect(found.count == 1, "the guest stands \(found.count) times in the list")
                stage.expect(found.first?.name == stage.instance.name, "the list has another name")
                stage.expect(found.first?.powerState == .running, "the list does not show that the guest runs")
            }),
        DriverScenario(
            .info, absence: .isNotFound, arrange: { try await $0.build() },
            act: { stage in
                let info = try await stage.driver.info(stage.instance.id)
                stage.expect(info.powerState == .running, "the guest does not run")
                stage.expect(info.memory == .mib(stage.instance.memoryMiB), "the guest has \(info.memory)")
                stage.expect(info.maximumMemory >= info.memory, "the guest has more memory than it may have")
                stage.expect(info.vcpus == stage.instance.vcpus, "the guest has \(info.vcpus) processors")
                stage.expect(info.bootIdentity != nil, "a guest that runs has no boot identity")
            }),
        DriverScenario(
            .spawn,
            act: { try await $0.driver.spawn($0.spawnRequest) },
            shows: { stage in
                try await stage.expectPower(.running)
                if !stage.networkInfo.isEmpty {
                    try await stage.expectFact(.interfaces, { $0 == [stage.address] }, "the interface is not there")
                }
                // A second one must not touch the first.
                try await stage.noteBoot()
                do {
                    try await stage.driver.spawn(stage.spawnRequest)
                    stage.complain("a guest was built that is there already")
                } catch let fault as ComputeFault where fault.kind == .instanceExists {}
                try await stage.expectPower(.running)
                try await stage.expectBoot(false)
            }),
        DriverScenario(
            .destroy, isIdempotent: true, absence: .isSuccess, arrange: { try await $0.build() },
            act: { try await $0.driver.destroy($0.instance) },
            shows: { stage in
                try await stage.expectPower(nil)
                for fact in [HostFact.volumes, .interfaces, .pluggedInterfaces, .filters, .rootDisk] {
                    try await stage.expectFact(fact, { $0.isEmpty }, "something is left")
                }
            }),
        DriverScenario(
            .reboot, absence: .isNotFound, arrange: { try await $0.build() },
            act: { try await $0.driver.reboot(RebootRequest(instance: $0.instance, type: .hard)) },
            shows: { stage in
                try await stage.expectPower(.running)
                try await stage.expectBoot(true)
                try await stage.expectFact(.powerButton, { $0 == ["0"] }, "the guest was asked")
                // Whether or not the guest obeys, it is asked, and runs anew.
                try await stage.noteBoot()
                try await stage.driver.reboot(RebootRequest(instance: stage.instance, type: .soft))
                try await stage.expectPower(.running)
                try await stage.expectBoot(true)
                try await stage.expectFact(.powerButton, { $0 == ["1"] }, "the guest was not asked")
            }),
        DriverScenario(
            .hostResources, arrange: { try await $0.build() },
            act: { stage in
                let resources = try await stage.driver.hostResources()
                stage.expect(resources.vcpus > 0 && resources.memory > .zero, "the host has nothing")
                stage.expect(resources.vcpusUsed >= stage.instance.vcpus, "the guest's processors are not in use")
                stage.expect(resources.memoryUsed > .zero, "no memory is in use")
                stage.expect(resources.disk >= resources.diskUsed, "more disk is in use than there is")
                stage.expect(!resources.hypervisorType.isEmpty, "the hypervisor has no type")
                stage.expect(!resources.hypervisorHostname.isEmpty, "the hypervisor has no name")
            }),
        DriverScenario(
            .lifecycleEvents, arrange: { try await $0.build() },
            act: { stage in
                let driver = try stage.facet((any LifecycleEventDriver).self, .lifecycleEvents)
                let id = stage.instance.id
                let events = driver.lifecycleEvents()
                let isTold = try await withThrowingTaskGroup(of: Bool.self) { group in
                    group.addTask {
                        for await event in events where event == .changed(id, .running) { return true }
                        return false
                    }
                    group.addTask {
                        try await Task.sleep(for: .seconds(30))
                        return false
                    }
                    try await driver.reboot(RebootRequest(instance: stage.instance, type: .hard))
                    defer { group.cancelAll() }
                    return try await group.next() ?? false
                }
                stage.expect(isTold, "nothing was told of a guest that was started")
            }),
    ]
}
