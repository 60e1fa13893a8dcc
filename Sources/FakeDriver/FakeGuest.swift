// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel

/// A guest that exists in memory only, with all that was done to it; see ``FakeDriver/guest(_:)``.
public struct FakeGuest: Sendable {
    /// What a guest is booted from while it is rescued.
    public struct Rescue: Sendable {
        public let imageID: String?
        public let password: Secret<String>?
    }

    /// What goes through each interface when a guest starts.
    static let firstTraffic = (received: ByteCount.kib(4), sent: ByteCount.kib(2))

    public let id: InstanceID
    public internal(set) var name: String
    public internal(set) var memory: ByteCount
    public internal(set) var vcpus: Int
    public internal(set) var disk: ByteCount
    public internal(set) var powerState: PowerState
    /// Counts the starts of all guests, like a hypervisor's domain id; nil while off.
    public internal(set) var boot: Int?
    /// Whether a start of it is under way; see ``FakeDriver/outsideStart(_:)``.
    public internal(set) var isChanging = false
    /// What went through each of its interfaces since it was started.
    public internal(set) var received = FakeGuest.firstTraffic.received
    public internal(set) var sent = FakeGuest.firstTraffic.sent
    /// Whether its memory was put on the disk: the next start goes on from there.
    public internal(set) var hasSavedMemory = false
    public internal(set) var rescue: Rescue?
    public internal(set) var isQuiesced = false
    /// Whether the copy of a worker that has died goes on; see ``FakeDriver/outsideCopy(of:)``.
    public internal(set) var isBeingCopied = false
    public internal(set) var isSoftDeleted = false
    /// How often a soft reboot asked it to go down.
    public internal(set) var powerButtonPresses = 0
    /// Whether it came by a live migration that its new host has not made its own yet.
    public internal(set) var isPassing = false
    /// The image of the root disk.
    public internal(set) var imageID: String?
    /// Counts the root disks that it was given.
    public internal(set) var rootDiskNumber = 1
    public internal(set) var volumes: [BlockDevice]
    /// The sizes that the guest was told of, by volume.
    public internal(set) var volumeSizes: [String: ByteCount] = [:]
    /// Snapshots' ids by volume.
    public internal(set) var volumeSnapshots: [String: [String]] = [:]
    /// Its interfaces.
    public internal(set) var interfaces: [JSONValue]
    /// What ``FakeDriver/injectNetworkInfo(_:)`` told it last.
    public internal(set) var injectedNetworkInfo: [JSONValue]?
    public internal(set) var networkResets = 0
    public internal(set) var files: Secret<[InjectedFile]>
    public internal(set) var adminPassword: Secret<String>?
    public internal(set) var metadata: [String: String] = [:]
    public internal(set) var crashDumps = 0
    /// How often its security rules were applied anew.
    public internal(set) var ruleRefreshes = 0

    init(_ request: SpawnRequest) {
        self.init(
            request.instance, volumes: request.blockDevices, interfaces: request.networkInfo,
            imageID: request.image?.metadata.id ?? request.instance.imageRef)
        files = request.injectedFiles
        adminPassword = request.adminPassword
    }

    init(_ instance: Instance, volumes: [BlockDevice] = [], interfaces: [JSONValue] = [], imageID: String? = nil) {
        id = instance.id
        name = instance.name
        memory = .mib(instance.memoryMiB)
        vcpus = instance.vcpus
        disk = .gib(instance.rootGiB)
        powerState = .noState
        self.imageID = imageID
        self.volumes = volumes
        self.interfaces = interfaces
        files = Secret([])
    }

    /// A guest that somebody else made.
    init(foreign id: InstanceID) {
        self.id = id
        name = "outside"
        memory = .mib(16)
        vcpus = 1
        disk = .zero
        powerState = .noState
        volumes = []
        interfaces = []
        files = Secret([])
    }

    /// Whether it has a boot identity: it runs or is paused.
    public var isOn: Bool { boot != nil }

    /// The MAC addresses of its interfaces.
    public var macAddresses: [String] { interfaces.compactMap { $0["address"]?.string } }

    /// What it takes on the host beside its size: nothing is ever written to it.
    var rootDisk: GuestDisk {
        GuestDisk(
            format: "qcow2", path: "/fake/\(id)/disk", virtualSize: disk, size: .kib(200), backingFile: imageID)
    }

    /// Gives it the sizes of an instance.
    mutating func resize(to instance: Instance) {
        memory = .mib(instance.memoryMiB)
        vcpus = instance.vcpus
        disk = .gib(instance.rootGiB)
    }
}
