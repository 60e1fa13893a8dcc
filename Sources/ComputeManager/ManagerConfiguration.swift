// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver

/// What an operator decides about the manager.
public struct ManagerConfiguration: Sendable {
    /// The name of this host in queues, rows and events.
    public var host: String
    /// Where events say that images are: `http://<glance_host>:<glance_port>`.
    public var glanceURL: String
    public var updates: UpdateNotifications
    public var auditPeriod: UsageAuditPeriod
    /// Wishes of a build that the driver can't honour and that are dropped with a warning instead of failing it.
    public var ignorableSpawnArguments: Set<SpawnArgument>
    /// Builds that run side by side.
    public var buildSlots: Int
    /// Other operations that run side by side.
    public var operationSlots: Int
    /// Read-only calls that are served side by side.
    public var readSlots: Int
    /// How long a driver call may take before it is cancelled and, for a build, its guest destroyed.
    public var deadlines: DriverDeadlines
    /// How long a driver call goes on after a terminate before its guest is destroyed under it.
    public var interruptionGrace: Duration
    /// How often work on one request is begun, restarts of the worker included, before it is given up.
    public var maximumAttempts: Int
    /// How old a request may be when its turn comes, by its operation.
    public var ageLimits: AgeLimits
    /// How long the record of done work recognises a repeat, and how many rows of it are kept at most.
    public var doneWorkRetention: Duration
    public var doneWorkRows: Int
    /// How long a call to another service waits for its answer.
    public var peerTimeout = Duration.seconds(60)
    /// How long a delete that fails for a reason that may pass waits in all before it is tried for the last time.
    public var deleteRetryTime = Duration.seconds(600)
    public var claims = ClaimRules()
    /// What a rescue boots from.
    public var rescueImages = RescueImages()
    /// What the worker does by itself every so often; nil for nothing but the reading of all guests.
    public var periodic: PeriodicConfiguration?
    /// Where users reach the instances' consoles.
    public var consoles: ConsoleConfiguration
    /// How often all guests are read, beside the events that tell of changes; nil for never.
    public var powerSyncInterval: Duration? = .seconds(600)
    /// The topic of the workers; each host's own is `<topic>.<host>`.
    public var computeTopic = "compute"
    /// The scheduler's topic, and that of its fanout exchange.
    public var schedulerTopic = "scheduler"
    /// The address of this host for the others, nova's `my_ip`.
    public var address = "127.0.0.1"
    /// The id of the machine's present start, another after each; nil where nothing tells.
    public var bootID: String?
    /// Nova's `allow_resize_to_same_host`.
    public var allowsResizeToSameHost = false
    /// Nova's `resume_guests_state_on_host_boot`.
    public var resumesGuestsOnHostBoot = false
    /// Bytes of message bodies that wait in memory; beyond, a body is read from the journal again when its turn comes.
    public var bufferedBodyBytes: Int
    /// Journals and acknowledges, but starts no work: for measuring the intake by itself. What is journaled stays
    /// unfinished and is done by the next start without this switch.
    public var lanesClosed: Bool

    public init(
        host: String, glanceURL: String, updates: UpdateNotifications = UpdateNotifications(),
        auditPeriod: UsageAuditPeriod = UsageAuditPeriod(.month), ignorableSpawnArguments: Set<SpawnArgument> = [],
        buildSlots: Int = 10, operationSlots: Int = 32, readSlots: Int = 16,
        deadlines: DriverDeadlines = DriverDeadlines(), interruptionGrace: Duration = .seconds(5),
        maximumAttempts: Int = 5, ageLimits: AgeLimits = AgeLimits(),
        doneWorkRetention: Duration = .seconds(86_400), doneWorkRows: Int = 20_000,
        bufferedBodyBytes: Int = 32 << 20, lanesClosed: Bool = false
    ) {
        self.host = host
        self.glanceURL = glanceURL
        self.updates = updates
        self.auditPeriod = auditPeriod
        self.ignorableSpawnArguments = ignorableSpawnArguments
        self.buildSlots = max(1, buildSlots)
        self.operationSlots = max(1, operationSlots)
        self.readSlots = max(1, readSlots)
        self.deadlines = deadlines
        self.interruptionGrace = interruptionGrace
        self.maximumAttempts = max(1, maximumAttempts)
        self.ageLimits = ageLimits
        self.doneWorkRetention = doneWorkRetention
        self.doneWorkRows = doneWorkRows
        self.bufferedBodyBytes = bufferedBodyBytes
        consoles = ConsoleConfiguration(consoleHost: host)
        self.lanesClosed = lanesClosed
    }
}
