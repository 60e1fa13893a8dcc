// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

extension DriverScenario {
    /// The states of a guest.
    static let power: [DriverScenario] = [
        DriverScenario(
            .powerOff, isIdempotent: true, absence: .isNotFound, arrange: { try await $0.build() },
            act: { try await $0.facet((any PoweringDriver).self, .powerOff).powerOff($0.instance) },
            shows: { try await $0.expectPower(.shutdown) }),
        DriverScenario(
            .powerOn, isIdempotent: true, absence: .isNotFound, arrange: { try await $0.buildOff() },
            act: { try await $0.facet((any PoweringDriver).self, .powerOn).powerOn($0.instance) },
            shows: { stage in
                try await stage.expectPower(.running)
                try await stage.expectBoot(true)
            }),
        DriverScenario(
            .pause, isIdempotent: true, absence: .isNotFound, arrange: { try await $0.build() },
            act: { try await $0.facet((any PausingDriver).self, .pause).pause($0.instance) },
            shows: { stage in
                try await stage.expectPower(.paused)
                try await stage.expectBoot(false)
            }),
        DriverScenario(
            .unpause, isIdempotent: true, absence: .isNotFound,
            arrange: { stage in
                try await stage.build()
                try await stage.facet((any PausingDriver).self, .unpause).pause(stage.instance)
            },
            act: { try await $0.facet((any PausingDriver).self, .unpause).unpause($0.instance) },
            shows: { stage in
                try await stage.expectPower(.running)
                try await stage.expectBoot(false)
            }),
        DriverScenario(
            .suspend, isIdempotent: true, absence: .isNotFound, arrange: { try await $0.build() },
            act: { try await $0.facet((any SuspendingDriver).self, .suspend).suspend($0.instance) },
            shows: { stage in
                let state = try await stage.power()
                stage.expect(
                    state == .shutdown || state == .suspended, "the power state of a suspended guest is not off")
            }),
        DriverScenario(
            .resume, isIdempotent: true, absence: .isNotFound,
            arrange: { stage in
                try await stage.build()
                try await stage.facet((any SuspendingDriver).self, .resume).suspend(stage.instance)
            },
            act: { try await $0.facet((any SuspendingDriver).self, .resume).resume($0.instance) },
            shows: { try await $0.expectPower(.running) }),
        DriverScenario(
            .resumeStateOnHostBoot, isIdempotent: true, absence: .isNotFound, arrange: { try await $0.buildOff() },
            act: { stage in
                try await stage.facet((any HostBootResumingDriver).self, .resumeStateOnHostBoot)
                    .resumeStateOnHostBoot(stage.guest)
            },
            shows: { try await $0.expectPower(.running) }),
        DriverScenario(
            .rescue, isIdempotent: true, absence: .isNotFound, arrange: { try await $0.build() },
            act: { stage in
                try await stage.facet((any RescuingDriver).self, .rescue).rescue(
                    RescueRequest(
                        instance: stage.instance, image: stage.otherImage, password: Secret("rescue me"),
                        networkInfo: stage.networkInfo))
            },
            shows: { stage in
                try await stage.expectPower(.running)
                try await stage.expectBoot(true)
                try await stage.expectFact(.rescue, { !$0.isEmpty }, "the guest is not rescued")
            },
            clear: { try await $0.facet((any RescuingDriver).self, .rescue).unrescue($0.guest) }),
        DriverScenario(
            .unrescue, isIdempotent: true, absence: .isNotFound,
            arrange: { stage in
                try await stage.build()
                try await stage.facet((any RescuingDriver).self, .unrescue).rescue(
                    RescueRequest(
                        instance: stage.instance, image: stage.otherImage, networkInfo: stage.networkInfo))
                try await stage.noteBoot()
            },
            act: { try await $0.facet((any RescuingDriver).self, .unrescue).unrescue($0.guest) },
            shows: { stage in
                try await stage.expectPower(.running)
                try await stage.expectBoot(true)
                try await stage.expectFact(.rescue, { $0.isEmpty }, "the guest is still rescued")
            }),
        DriverScenario(
            .triggerCrashDump, absence: .isNotFound, arrange: { try await $0.build() },
            act: { try await $0.facet((any CrashDumpingDriver).self, .triggerCrashDump).triggerCrashDump($0.instance) },
            shows: { stage in
                stage.expect(try await stage.power() != nil, "the guest is gone")
                try await stage.expectFact(.crashDumps, { $0 == ["1"] }, "no dump was written")
            }),
        DriverScenario(
            .softDelete, absence: .isNotFound, arrange: { try await $0.build() },
            act: { try await $0.facet((any SoftDeletingDriver).self, .softDelete).softDelete($0.instance) },
            shows: { stage in
                try await stage.expectPower(.shutdown)
                try await stage.expectFact(.softDeleted, { $0 == ["true"] }, "the guest is not set aside")
            }),
        DriverScenario(
            .restore, absence: .isNotFound,
            arrange: { stage in
                try await stage.build()
                try await stage.facet((any SoftDeletingDriver).self, .restore).softDelete(stage.instance)
            },
            act: { try await $0.facet((any SoftDeletingDriver).self, .restore).restore($0.instance) },
            shows: { stage in
                try await stage.expectPower(.running)
                try await stage.expectFact(.softDeleted, { $0 == ["false"] }, "the guest is still set aside")
            }),
        DriverScenario(
            .receivePowerEvent, absence: .isNotFound, arrange: { try await $0.build() },
            act: { stage in
                try await stage.facet((any PowerEventReceivingDriver).self, .receivePowerEvent)
                    .receivePowerEvent(.shutdown, of: stage.instance)
            },
            shows: { try await $0.expectPower(.shutdown) }),
    ]
}
