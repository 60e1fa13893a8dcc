// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel
internal import OsloMessaging

/// The clients and the scheduler: what they ask for, in which form, in which order.
struct Traffic {
    /// What stands wherever a secret belongs, and must be seen nowhere else.
    static let canary = "CANARY"

    /// Stands for no instance where something is the host's.
    static let nobody = InstanceID(bits: UniqueBits(high: 0, low: 0))

    private var dice: SeededGenerator
    private let identifiers: SeededIdentifiers
    let instances: [InstanceID]
    private var hasRun: Set<InstanceID> = []
    /// What was asked last of each instance.
    private var last: [InstanceID: Wish.Method] = [:]
    /// What is asked for first, so that the step comes about that the history is about.
    private var way: [Wish.Method]
    private let target: Coverage.Pair?
    /// What this history asks for more often than for anything else; empty where it has no such thing.
    private let theme: [Wish.Method]
    /// Wishes that are still to be made.
    private(set) var left: Int
    private let flatPercent: Int
    /// Whether the last wish is that something goes.
    private let endsWithDelete: Bool
    /// The forms in which the worker's events are told.
    let notificationForms: [NotificationForm]

    /// - Parameter hasTasks: whether the worker does something by itself, for which something should be left to do.
    init(seed: UInt64, size: SimulationSize, target: Coverage.Pair? = nil, hasTasks: Bool = false) {
        dice = SeededGenerator(seed: seed, stream: 2)
        identifiers = SeededIdentifiers(seed: seed ^ 0x5EED)
        let identifiers = identifiers
        instances = (0..<dice.within(1...size.instances)).map { _ in InstanceID(bits: identifiers.next()) }
        self.target = target
        way = target.map { Wish.Method.way(to: $0.method) } ?? []
        left = max(way.count, dice.within(max(1, size.wishes / 3)...size.wishes))
        endsWithDelete = hasTasks ? dice.chance(50) : false
        flatPercent = dice.pick([0, 50, 50, 100])
        let all = Self.later.filter(\.isServed)
        if hasTasks ? dice.chance(60) : false {
            theme = [dice.pick(Self.leftToTasks), dice.pick(all)]
        } else {
            theme = dice.chance(75) ? [dice.pick(all), dice.pick(all)] : []
        }
        notificationForms = dice.pick([[.flat], [.messagingV2], [.flat], [.messagingV2, .flat]])
    }

    /// Whether one wish is to be made after the other.
    var isOnItsWay: Bool { !way.isEmpty }

    /// The next thing that a client asks for.
    mutating func next(_ world: World, hasPeers: Bool) -> Wish {
        left -= 1
        if let method = way.first {
            way.removeFirst()
            return make(method, on: instances[0], world, hasPeers: hasPeers)
        }
        if left == 0, endsWithDelete, let id = instances.first(where: hasRun.contains) {
            return make(.terminate, on: id, world, hasPeers: hasPeers)
        }
        var instance = dice.pick(instances)
        let method: Wish.Method
        if world.faults.has(.malformedMessage), dice.chance(10) {
            world.faults.spend(.malformedMessage)
            method = dice.chance(50) ? .malformed : .unknownMethod
        } else if hasRun.contains(instance) || dice.chance(10) {
            method = later(of: instance)
            if method.isAboutArrivals, let newcomer = instances.first(where: { !hasRun.contains($0) }) {
                instance = newcomer
            }
        } else {
            method = .run
        }
        return make(method, on: instance, world, hasPeers: hasPeers)
    }

    private mutating func make(
        _ method: Wish.Method, on instance: InstanceID, _ world: World, hasPeers: Bool
    ) -> Wish {
        let isOthers = method.isAboutArrivals && !hasRun.contains(instance)
        if isOthers, hasPeers, world.peers.addresses[instance] == nil {
            world.peers.addresses[instance] = [PeerBooks.interface([2])]
            world.peers.others.insert(instance)
        }
        if method == .run { hasRun.insert(instance) }
        if method == .terminate { hasRun.remove(instance) }
        last[instance] = method
        let isImageless = method == .run && world.faults.has(.imageMissing) && dice.chance(20)
        if isImageless { world.faults.spend(.imageMissing) }
        return make(
            method, method.isHosts ? Self.nobody : instance, world, image: isImageless ? SimulatedImages.missing : "cirros",
            hasPeers: hasPeers)
    }

    /// The scheduler sends a build back to this host.
    mutating func rebuild(_ instance: InstanceID, _ world: World) -> Wish {
        hasRun.insert(instance)
        return make(.run, instance, world, image: "cirros", hasPeers: false)
    }

    /// An instance that nobody asked for, for a guest that appears by itself.
    mutating func stranger() -> Instance? {
        try? Instance(fields: Self.instance(
                InstanceID(bits: identifiers.next()), mark: "stranger", method: .run, "x", at: Timestamp(microseconds: 0)))
    }

    /// The instance that a wish names.
    func instance(of wish: Wish) -> Instance? {
        guard let fields = (try? MessageDecoder().decode(wish.body))?.arguments["instance"]?.object else { return nil }
        return try? Instance(fields: fields)
    }

    /// What may be asked of an instance that was built: by the theme, by what was asked before, or anything.
    private mutating func later(of instance: InstanceID) -> Wish.Method {
        let draw = dice.below(100)
        let sequels = last[instance]?.sequels.filter(\.isServed) ?? []
        if draw < 45, !sequels.isEmpty { return dice.pick(sequels) }
        if draw < 85, !theme.isEmpty { return dice.pick(theme) }
        return dice.pick(Self.all)
    }

    private static let all = later.filter(\.isServed)

    /// What ends in a state, or takes so long, that a periodic task may have to do with it.
    private static let leftToTasks: [Wish.Method] = [.softReboot, .rescue, .prepareResize, .powerOff, .terminate]

    private static let later: [Wish.Method] = [
        .run, .softReboot, .softReboot, .hardReboot, .hardReboot, .start, .stop, .stop, .powerOn, .powerOff, .terminate,
        .terminate, .terminate, .console, .uptime, .pause, .unpause, .suspend, .resume, .rescue, .unrescue, .snapshot,
        .backup, .rebuild, .setPassword, .injectFile, .changeMetadata, .prepareResize, .prepareResize, .confirmResize,
        .revertResize, .liveMigration, .prepareLiveMigration, .finishLiveMigration, .rollBackLiveMigration,
        .reserveDevice, .attachVolume, .detachVolume, .removeVolumeConnection, .addFixedIP, .removeFixedIP,
        .injectNetworkInfo, .resetNetwork, .refreshRules, .checkDestination, .checkSource, .hostPower, .hostMaintenance,
        .hostEnabled, .addAggregate, .removeAggregate, .refreshGroup, .refreshMembers, .refreshProvider,
    ]

    private mutating func make(
        _ method: Wish.Method, _ instance: InstanceID, _ world: World, image: String, hasPeers: Bool
    ) -> Wish {
        let number = world.ledger.wishes.count
        let form: WireForm = dice.chance(flatPercent) ? .flat : .enveloped
        let requestID = "req-\(identifiers.next().dashed)"
        let isCall =
            method == .console || method == .uptime ? dice.chance(90) : method.isCallAlways || dice.chance(25)
        let messageID = isCall ? identifiers.next() : nil
        let mayGoBack = method == .run && dice.chance(50)
        var arguments = Self.arguments(method, &dice, identifiers)
        if !method.isHosts {
            arguments["instance"] = .object(
                Self.instance(
                    instance, mark: "wish-\(number)", method: method, image, at: world.wallClock.now()))
        }
        switch method {
        case .run:
            arguments["admin_password"] = .string("\(Self.canary)-password")
            arguments["injected_files"] = [["/etc/secret", .string("\(Self.canary)FILE00")]]
            arguments["is_first_time"] = true
            var spec: JSONObject = ["instance_uuids": [.string(instance.description)], "image": ["name": "cirros"]]
            let wantsVolume = target?.step == "connectingVolumes" || target?.step == "deletingVolumes"
            if hasPeers, wantsVolume || dice.chance(30) {
                spec["block_device_mapping"] = [
                    [
                        "volume_id": .string(instance.description), "device_name": "/dev/vdd",
                        "delete_on_termination": .bool(target?.step == "deletingVolumes" || dice.chance(70)),
                    ]
                ]
            }
            arguments["request_spec"] = .object(spec)
            let hasNoRoom = target?.step == "refused" || dice.chance(3)
            var properties: JSONObject = ["limits": hasNoRoom ? ["memory_mb": 1] : [:]]
            if mayGoBack { properties["retry"] = ["num_attempts": 1, "hosts": ["compute1"]] }
            arguments["filter_properties"] = .object(properties)
            arguments["requested_networks"] = .null
        default: break
        }
        var body = RequestEncoder(form: form).encode(
            method: method.name, version: method.version, arguments: arguments, context: Self.context(requestID),
            uniqueID: identifiers.next(),
            replyTo: messageID.map {
                RequestEncoder.ReplyTo(
                    messageID: $0, queue: form == .enveloped ? "reply_\($0.hex)" : nil,
                    monitorTimeout: form == .enveloped && dice.chance(30) ? 60 : nil)
            })
        if method == .malformed { body = Array(body.prefix(body.count / 2)) }
        return Wish(
            number: number, method: method, instance: instance, form: form, requestID: requestID,
            messageID: method == .malformed ? nil : messageID?.hex, body: body, mayGoBack: mayGoBack)
    }

    private static func context(_ requestID: String) -> RequestContext {
        RequestContext(fields: [
            "request_id": .string(requestID), "auth_token": .string("\(canary)-token"), "is_admin": false,
            "roles": ["Member"], "user_id": "u", "project_id": "p",
        ])
    }

    private static func instance(
        _ id: InstanceID, mark: String, method: Wish.Method, _ image: String, at moment: Timestamp
    ) -> JSONObject {
        [
            "uuid": .string(id.description), "id": 1, "name": "instance-00000001", "project_id": "p", "user_id": "u",
            "display_name": .string(mark), "image_ref": .string(image), "memory_mb": 512, "vcpus": 1, "root_gb": 1,
            "ephemeral_gb": 0, "vm_state": method == .run ? "building" : "active",
            "task_state": JSONValue(method.task), "power_state": 0,
            "host": method == .run
                ? nil : .string(method.isAboutArrivals ? PeerBooks.otherHost : SimulatedWorker.host),
            "user_data": .string("\(canary)-user-data"), "created_at": .string(moment.iso),
            "instance_type": ["name": "m1.tiny", "id": 1, "swap": 0, "memory_mb": 512, "vcpus": 1, "root_gb": 1, "ephemeral_gb": 0],
            "instance_type_id": 1, "metadata": [],
            "config_drive": "",
        ]
    }
}
