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
                .map { guest in
                    InstanceSummary(
                        id: guest.id, name: guest.name,
                        powerState: state.silent.contains(guest.id) ? .noState : guest.powerState)
                }
        }
    }

    public func info(_ instance: InstanceID) async throws -> InstanceInfo {
        try await perform(.info, on: instance) { state throws(ComputeFault) in
            let guest = try state.guest(instance)
            return InstanceInfo(
                powerState: guest.powerState, maximumMemory: guest.memory, memory: guest.memory, vcpus: guest.vcpus,
                cpuTime: .zero, bootIdentity: guest.boot.map { String($0) }, isChanging: guest.isChanging)
        }
    }

    public func spawn(_ request: SpawnRequest) async throws {
        let guest = FakeGuest(request)
        let refuseExisting = { (state: inout State) throws(ComputeFault) in
            guard state.guests[guest.id] == nil else { throw Self.exists(guest) }
        }
        try await transfer(
            .spawn, on: guest.id, amount: guest.memory, progress: request.progress, begin: refuseExisting
        ) { state throws(ComputeFault) in
            try refuseExisting(&state)
            if let image = guest.imageID {
                state.host.images[image] = .init(bytes: request.image?.virtualSize ?? 0)
            }
            if !guest.interfaces.isEmpty {
                state.host.filtered.insert(guest.id)
                state.host.plugged[guest.id] = guest.macAddresses
            }
            state.boot(guest)
        }
    }

    static func exists(_ guest: FakeGuest) -> ComputeFault {
        ComputeFault(
            .instanceExists, "Instance \(guest.id) already exists.", instance: guest.id,
            arguments: ["name": .string(guest.name)])
    }

    public func destroy(_ instance: Instance) async throws {
        // What hangs with this guest comes to an end with the guest, as a hypervisor's calls do.
        release(
            instance.id,
            throwing: ComputeFault(
                .hypervisorFailure, "The guest was destroyed during the call.", instance: instance.id))
        try await perform(.destroy, on: instance.id) { state in
            state.silent.remove(instance.id)
            state.forgetNetwork(of: instance.id)
            state.host.expected.remove(instance.id)
            // What the source of a resize keeps is what a revert goes back to; a delete has no use for it.
            if instance.taskState == .deleting { state.host.kept[instance.id] = nil }
            guard let guest = state.guests.removeValue(forKey: instance.id) else { return }
            if guest.isOn { state.tell(.changed(instance.id, .shutdown)) }
        }
    }

    /// Lets the calls go on that hang with a guest.
    func release(_ instance: InstanceID, throwing fault: ComputeFault?) {
        for point in faults.hangPoints where point.hangingInstance == instance { point.release(throwing: fault) }
    }

    public func reboot(_ request: RebootRequest) async throws {
        try await perform(.reboot, on: request.instance.id) { state throws(ComputeFault) in
            let id = request.instance.id
            state.silent.remove(id)
            var guest = try state.guest(id)
            // It obeys at once.
            if request.type == .soft, guest.powerState == .running { guest.powerButtonPresses += 1 }
            state.boot(guest)
        }
    }

    public func hostResources() async throws -> HostResources {
        try await perform(.hostResources) { state in resources(state) }
    }

    func resources(_ state: State) -> HostResources {
        let guests = state.guests.values
        return HostResources(
            vcpus: 1000, vcpusUsed: guests.reduce(0) { $0 + $1.vcpus }, memory: .mib(800_000),
            memoryUsed: guests.reduce(.zero) { $0 + $1.memory }, disk: .gib(600_000),
            diskUsed: guests.reduce(.zero) { $0 + $1.disk }, hypervisorType: "fake", hypervisorVersion: 1_000_000,
            hypervisorHostname: hostname)
    }
}
