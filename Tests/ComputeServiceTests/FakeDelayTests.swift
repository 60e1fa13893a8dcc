// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import Logging
import Testing

@testable import ComputeService

@Suite("The fake driver's delay", .timeLimit(.minutes(1)))
struct FakeDelayTests {
    @Test("is taken by each change of a guest")
    func changes() async throws {
        let configuration = try ConfigurationFixtures.worker(
            """
            [DEFAULT]
            compute_driver = fake.FakeDriver
            [fake]
            operation_delay = 0.05
            """)
        let driver = DriverFactory.make(configuration) { Logger(label: $0) { _ in SwiftLogNoOpLogHandler() } }
        let instance = try Instance(fields: ["uuid": "0a0a0a0a-0000-4000-8000-000000000001"])
        let (pausing, suspending, password) = (
            try #require(driver as? any PausingDriver), try #require(driver as? any SuspendingDriver),
            try #require(driver as? any PasswordSettingDriver)
        )
        let calls: [@Sendable () async throws -> Void] = [
            { try await driver.spawn(SpawnRequest(instance: instance, image: nil)) },
            { try await pausing.pause(instance) }, { try await pausing.unpause(instance) },
            { try await password.setAdminPassword(Secret("x"), of: instance) },
            { try await suspending.suspend(instance) },
        ]
        for (number, call) in calls.enumerated() {
            let elapsed = try await ContinuousClock().measure { try await call() }
            #expect(elapsed >= .milliseconds(50), "call \(number)")
        }
    }
}
