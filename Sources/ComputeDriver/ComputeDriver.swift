// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// The dozen operations that every hypervisor family has; everything else is a facet of its own.
///
/// Calls may come from any task and side by side for different instances; the manager never runs two at once for one
/// instance, but for an ``destroy(_:)`` that must free a call that hangs. A method returns when the hypervisor shows the
/// effect, throws ``ComputeFault``, and blocks no thread of Swift's cooperative pool. There are no default
/// implementations here or in a facet: an operation that is not written is an operation that is not supported.
public protocol ComputeDriver: Sendable {
    /// The name under which the driver is configured and listed.
    static var name: DriverName { get }

    /// What is true of an implemented operation only with an addition, for the support matrix.
    static var caveats: [DriverOperation: String] { get }

    /// What ``spawn(_:)`` honours of a build's extra wishes; the manager refuses the others before any side effect.
    static var acceptedSpawnArguments: Set<SpawnArgument> { get }

    /// Whether ``spawn(_:)`` must be given an image whose files are on this host.
    static var needsImage: Bool { get }

    /// Connects and gets ready; returns once the first attempt has been made, whether or not the hypervisor answered.
    ///
    /// A hypervisor that is away is a fact for ``state``, not an error: the worker serves, says so and reconnects.
    /// Nova: `init_host`.
    func start() async throws

    /// Keeps the connection: reconnects, renews subscriptions; returns when its task is cancelled.
    func run() async throws

    /// What the driver stands on, for people: "qemu 7.2.0 by libvirt 9.0.0, without kvm because …".
    func summary() async -> String

    /// All guests of this host, with their states, in one question to the hypervisor; `noState` of one whose state is
    /// not known just now. Nova: `list_instances`.
    func instances() async throws -> [InstanceSummary]

    /// The state of one guest. Throws `instanceNotFound` only when the hypervisor answered and knows no such guest.
    /// Nova: `get_info`.
    func info(_ instance: InstanceID) async throws -> InstanceInfo

    /// Creates the guest and returns when it runs; a failure leaves the host as it was. Nova: `spawn`.
    func spawn(_ request: SpawnRequest) async throws

    /// Stops the guest and removes all that ``spawn(_:)`` made; success if there is nothing. Nova: `destroy`.
    func destroy(_ instance: Instance) async throws

    /// Restarts the guest. A soft reboot asks the guest and falls back to a hard one after the configured wait.
    /// Nova: `reboot`.
    func reboot(_ request: RebootRequest) async throws

    /// What the host has and what is in use. Nova: `get_available_resource`.
    func hostResources() async throws -> HostResources
}

/// The name of a driver, in nova's short form (`libvirt.LibvirtDriver`).
public struct DriverName: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
    public var description: String { rawValue }
}

/// A guest that the hypervisor knows.
public struct InstanceSummary: Sendable, Hashable {
    public let id: InstanceID
    public let name: String
    public let powerState: PowerState

    public init(id: InstanceID, name: String, powerState: PowerState) {
        self.id = id
        self.name = name
        self.powerState = powerState
    }
}

/// The state of one guest.
public struct InstanceInfo: Sendable, Hashable {
    public let powerState: PowerState
    /// The most memory that the guest may have.
    public let maximumMemory: ByteCount
    /// The memory that the guest has.
    public let memory: ByteCount
    public let vcpus: Int
    /// Time on the host's processors.
    public let cpuTime: Duration
    /// What changes with each start of the guest (libvirt's domain id); tells a guest that was restarted from one that
    /// was not. Nil for a guest that does not run.
    public let bootIdentity: String?
    /// Whether a start or a stop is under way at the hypervisor just now: the state is not what it is about to be.
    public let isChanging: Bool

    public init(
        powerState: PowerState, maximumMemory: ByteCount, memory: ByteCount, vcpus: Int, cpuTime: Duration,
        bootIdentity: String?, isChanging: Bool = false
    ) {
        self.powerState = powerState
        self.maximumMemory = maximumMemory
        self.memory = memory
        self.vcpus = vcpus
        self.cpuTime = cpuTime
        self.bootIdentity = bootIdentity
        self.isChanging = isChanging
    }
}

/// What a host has and what of it is in use.
public struct HostResources: Sendable, Hashable {
    public let vcpus: Int
    public let vcpusUsed: Int
    public let memory: ByteCount
    public let memoryUsed: ByteCount
    public let disk: ByteCount
    public let diskUsed: ByteCount
    public let hypervisorType: String
    /// libvirt's number form: major × 1 000 000 + minor × 1000 + release.
    public let hypervisorVersion: Int
    public let hypervisorHostname: String

    public init(
        vcpus: Int, vcpusUsed: Int, memory: ByteCount, memoryUsed: ByteCount, disk: ByteCount, diskUsed: ByteCount,
        hypervisorType: String, hypervisorVersion: Int, hypervisorHostname: String
    ) {
        self.vcpus = vcpus
        self.vcpusUsed = vcpusUsed
        self.memory = memory
        self.memoryUsed = memoryUsed
        self.disk = disk
        self.diskUsed = diskUsed
        self.hypervisorType = hypervisorType
        self.hypervisorVersion = hypervisorVersion
        self.hypervisorHostname = hypervisorHostname
    }
}
