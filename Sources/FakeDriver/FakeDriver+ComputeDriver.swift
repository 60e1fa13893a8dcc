// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel

extension FakeDriver: ComputeDriver {
    public static let name = DriverName(rawValue: "fake.FakeDriver")
    public static let caveats: [DriverOperation: String] = [:]
    public static let acceptedSpawnArguments = Set(SpawnArgument.allCases)
    public static let needsImage = false

    public func start() async throws {}

    public func run() async throws {
        let (stream, continuation) = AsyncStream<Never>.makeStream()
        defer { continuation.finish() }
        for await _ in stream {}
    }

    public func summary() async -> String { "guests in memory only, on \(hostname)" }

    public func instances() async throws -> [InstanceSummary] {
        try await perform(.listInstances) { state in
            state.guests.values.sorted { $0.id < $1.id }
                .map { InstanceSummary(id: $0.id, name: $0.name, powerState: $0.powerState) }
        }
    }

    public func info(_ instance: InstanceID) async throws -> InstanceInfo {
        try await perform(.info, on: instance) { state throws(ComputeFault) in
            let guest = try state.guest(instance)
            let memory = Int64(guest.memoryMiB) * 1024
            return InstanceInfo(
                powerState: guest.powerState, maximumMemoryKiB: memory, memoryKiB: memory, vcpus: guest.vcpus,
                cpuTimeNanoseconds: 0, bootIdentity: guest.boot.map { String($0) },
                isChanging: guest.isChanging)
        }
    }

    public func spawn(_ request: SpawnRequest) async throws {
        let instance = request.instance
        try await perform(.spawn, on: instance.id) { state throws(ComputeFault) in
            guard state.guests[instance.id] == nil else {
                throw ComputeFault(
                    .instanceExists, "Instance \(instance.id) already exists.", instance: instance.id,
                    arguments: ["name": .string(instance.name)])
            }
            state.boot(
                FakeGuest(
                    id: instance.id, name: instance.name, memoryMiB: instance.memoryMiB, vcpus: instance.vcpus,
                    rootGiB: instance.rootGiB, powerState: .noState))
        }
    }

    public func destroy(_ instance: Instance) async throws {
        // What hangs with this guest comes to an end with the guest, as a hypervisor's calls do.
        for point in faults.hangPoints where point.hangingInstance == instance.id {
            point.release(
                throwing: ComputeFault(
                    .hypervisorFailure, "The guest was destroyed during the call.", instance: instance.id))
        }
        try await perform(.destroy, on: instance.id) { state in
            guard let guest = state.guests.removeValue(forKey: instance.id) else { return }
            if guest.boot != nil { state.tell(.changed(instance.id, .shutdown)) }
        }
    }

    public func reboot(_ request: RebootRequest) async throws {
        try await perform(.reboot, on: request.instance.id) { state throws(ComputeFault) in
            state.boot(try state.guest(request.instance.id))
        }
    }

    public func hostResources() async throws -> HostResources {
        try await perform(.hostResources) { state in
            let guests = state.guests.values
            return HostResources(
                vcpus: 1000, vcpusUsed: guests.reduce(0) { $0 + $1.vcpus }, memoryMiB: 800_000,
                memoryUsedMiB: guests.reduce(0) { $0 + $1.memoryMiB }, diskGiB: 600_000,
                diskUsedGiB: guests.reduce(0) { $0 + $1.rootGiB }, hypervisorType: "fake",
                hypervisorVersion: 1_000_000, hypervisorHostname: hostname)
        }
    }
}
