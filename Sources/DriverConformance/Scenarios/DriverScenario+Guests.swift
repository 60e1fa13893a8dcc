// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

extension DriverScenario {
    /// What is done inside a guest, and what is reserved for one.
    static let guests: [DriverScenario] = [
        DriverScenario(
            .setAdminPassword, absence: .isNotFound, arrange: { try await $0.build() },
            act: { stage in
                try await stage.facet((any PasswordSettingDriver).self, .setAdminPassword)
                    .setAdminPassword(Secret("open sesame"), of: stage.instance)
            },
            shows: { stage in
                try await stage.expectPower(.running)
                try await stage.expectFact(.adminPassword, { $0 == ["open sesame"] }, "the password is another")
            }),
        DriverScenario(
            .injectFile, absence: .isNotFound, arrange: { try await $0.build() },
            act: { stage in
                try await stage.facet((any FileInjectingDriver).self, .injectFile).injectFile(
                    Secret(InjectedFile(path: "/etc/motd", contents: "aGVsbG8=")), into: stage.instance)
            },
            shows: { try await $0.expectFact(.files, { $0 == ["/etc/motd"] }, "the file is not there") }),
        DriverScenario(
            .changeMetadata, absence: .isNotFound, arrange: { try await $0.build() },
            act: { stage in
                let driver = try stage.facet((any MetadataChangingDriver).self, .changeMetadata)
                try await driver.changeMetadata(
                    of: stage.instance, [.set(key: "colour", value: "red"), .set(key: "size", value: "small")])
                try await driver.changeMetadata(of: stage.instance, [.remove(key: "colour")])
            },
            shows: { try await $0.expectFact(.metadata, { $0 == ["size=small"] }, "the metadata is another") }),
        DriverScenario(
            .prepareForSpawn,
            act: { stage in
                try await stage.facet((any SpawnPreparingDriver).self, .prepareForSpawn)
                    .prepareForSpawn(stage.instance)
            },
            shows: { try await $0.expectFact(.reservation, { !$0.isEmpty }, "nothing is reserved") },
            clear: { stage in
                try await stage.facet((any SpawnPreparingDriver).self, .prepareForSpawn)
                    .cleanUpFailedSpawn(stage.instance)
            }),
        DriverScenario(
            .cleanUpFailedSpawn, isIdempotent: true,
            arrange: { stage in
                try await stage.facet((any SpawnPreparingDriver).self, .cleanUpFailedSpawn)
                    .prepareForSpawn(stage.instance)
            },
            act: { stage in
                try await stage.facet((any SpawnPreparingDriver).self, .cleanUpFailedSpawn)
                    .cleanUpFailedSpawn(stage.instance)
            },
            shows: { try await $0.expectFact(.reservation, { $0.isEmpty }, "something is still reserved") }),
    ]
}
