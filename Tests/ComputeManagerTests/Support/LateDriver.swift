// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import FakeDriver

/// A hypervisor whose builds wait until their guest is destroyed under them, and say then that all went well.
final class LateDriver: ComputeDriver {
    static let name = DriverName(rawValue: "late.LateDriver")
    static let caveats: [DriverOperation: String] = [:]
    static let acceptedSpawnArguments: Set<SpawnArgument> = []
    static let needsImage = false

    private let fake: FakeDriver
    private let destroyed = HangPoint()

    init(fake: FakeDriver) {
        self.fake = fake
        fake.faults.plan(.hang(destroyed), for: .spawn)
    }

    func start() async throws { try await fake.start() }
    func run() async throws { try await fake.run() }
    func summary() async -> String { await fake.summary() }
    func instances() async throws -> [InstanceSummary] { try await fake.instances() }
    func info(_ instance: InstanceID) async throws -> InstanceInfo { try await fake.info(instance) }
    func spawn(_ request: SpawnRequest) async throws { try await fake.spawn(request) }

    func destroy(_ instance: Instance) async throws {
        destroyed.release()
        try await fake.destroy(instance)
    }

    func reboot(_ request: RebootRequest) async throws { try await fake.reboot(request) }
    func hostResources() async throws -> HostResources { try await fake.hostResources() }
}
