// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// What a libvirt driver has to know before it starts.
public struct LibvirtDriverConfiguration: Sendable {
    /// Where the guests' VNC screens are.
    public struct VNC: Sendable, Hashable {
        /// The address that the screens listen on.
        public var listenAddress: String
        /// The address by which a proxy reaches them; nil for the one that they listen on.
        public var proxyAddress: String?

        public init(listenAddress: String = "127.0.0.1", proxyAddress: String? = nil) {
            self.listenAddress = listenAddress
            self.proxyAddress = proxyAddress
        }
    }

    /// libvirt's name of the hypervisor.
    public var uri: String
    /// Connects read-only: whatever would change a guest is then refused before any side effect.
    public var isReadOnly: Bool
    /// Answers for a libvirt that asks who we are.
    public var userName: String?
    public var password: Secret<String>?
    /// The kind of domain; nil chooses kvm where it can work, else qemu.
    public var virtType: VirtType?
    /// The absolute path of the directory that holds one directory per instance, named by its uuid.
    public var instancesPath: String
    /// This host's name, as the other hosts and the instances spell it, and the address that they reach it by.
    public var hostName: String
    public var address: String
    /// The hosts that see the same directory of instances as this one.
    public var hostsOfSameInstancesPath: Set<String>
    /// How this host's libvirt reaches another host's, `%s` standing for that one's name.
    public var liveMigrationURI: String
    /// The address at which guests come in that move as they run; nil for the host's.
    public var liveMigrationAddress: String?
    /// The guests' screens; nil for guests without one.
    public var vnc: VNC?
    /// How long a guest may take to shut down before a soft reboot becomes a hard one.
    public var softRebootWait: Duration
    /// How long a started guest may take until libvirt tells that it runs.
    public var startWait: Duration
    /// How long a running guest may take to let go of a device.
    public var detachWait: Duration
    /// How long the undoing of a failed build waits for a libvirt that is away.
    public var undoWait: Duration
    /// How long an attempt to connect may take.
    public var openDeadline: Duration
    /// How long a short call to libvirt may take, and a long one (opening, starting a guest).
    public var callDeadline: Duration
    public var longCallDeadline: Duration
    /// How long what moves memory or disks may take.
    public var transferDeadline: Duration
    /// How long qemu-img may take, and the processor seconds and bytes of memory that it may use.
    public var imageToolDeadline: Duration
    public var imageToolCPUSeconds: Int
    public var imageToolMemory: Int

    public init(
        uri: String = "qemu:///system", isReadOnly: Bool = false, userName: String? = nil,
        password: Secret<String>? = nil, virtType: VirtType? = nil, instancesPath: String,
        hostName: String = "localhost", address: String = "127.0.0.1", hostsOfSameInstancesPath: Set<String> = [],
        liveMigrationURI: String = "qemu+tcp://%s/system", liveMigrationAddress: String? = nil, vnc: VNC? = VNC(),
        softRebootWait: Duration = .seconds(120), startWait: Duration = .seconds(60),
        detachWait: Duration = .seconds(160),
        undoWait: Duration = .seconds(30), openDeadline: Duration = .seconds(10),
        callDeadline: Duration = .seconds(60), longCallDeadline: Duration = .seconds(300),
        transferDeadline: Duration = .seconds(86_400),
        imageToolDeadline: Duration = .seconds(120),
        imageToolCPUSeconds: Int = 30, imageToolMemory: Int = 1 << 30
    ) {
        self.uri = uri
        self.isReadOnly = isReadOnly
        self.userName = userName
        self.password = password
        self.virtType = virtType
        self.instancesPath = instancesPath
        self.hostName = hostName
        self.address = address
        self.hostsOfSameInstancesPath = hostsOfSameInstancesPath
        self.liveMigrationURI = liveMigrationURI
        self.liveMigrationAddress = liveMigrationAddress
        self.vnc = vnc
        self.softRebootWait = softRebootWait
        self.startWait = startWait
        self.detachWait = detachWait
        self.undoWait = undoWait
        self.openDeadline = openDeadline
        self.callDeadline = callDeadline
        self.longCallDeadline = longCallDeadline
        self.transferDeadline = transferDeadline
        self.imageToolDeadline = imageToolDeadline
        self.imageToolCPUSeconds = imageToolCPUSeconds
        self.imageToolMemory = imageToolMemory
    }
}
