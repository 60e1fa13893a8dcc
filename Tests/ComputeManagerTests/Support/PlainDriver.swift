// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import FakeDriver

/// The fake hypervisor behind a type that honours no wishes, wants an image, and has no facet.
struct PlainDriver: ComputeDriver {
    static let name = DriverName(rawValue: "plain.PlainDriver")
    static let caveats: [DriverOperation: String] = [:]
    static let acceptedSpawnArguments: Set<SpawnArgument> = []
    static let needsImage = true

    let fake: FakeDriver

    func start() async throws { try await fake.start() }
    func run() async throws { try await fake.run() }
    func summary() async -> String { await fake.summary() }
    func instances() async throws -> [InstanceSummary] { try await fake.instances() }
    func info(_ instance: InstanceID) async throws -> InstanceInfo { try await fake.info(instance) }
    func spawn(_ request: SpawnRequest) async throws { try await fake.spawn(request) }
    func destroy(_ instance: Instance) async throws { try await fake.destroy(instance) }
    func reboot(_ request: RebootRequest) async throws { try await fake.reboot(request) }
    func hostResources() async throws -> HostResources { try await fake.hostResources() }
}
