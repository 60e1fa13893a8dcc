// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Libvirt
internal import Logging
internal import Synchronization
internal import XML

/// What every family of libvirt drivers needs of its host: one connection that comes back, events, faults.
final class LibvirtHost: Sendable {
    let supervisor: ConnectionSupervisor
    let events = DomainEventHub()
    let broadcast = LifecycleBroadcast()
    let outages = OutageBroadcast()
    let files = FileLane(name: "virt-files")
    /// Apart from the others, because copies take as long as disks are large.
    let copies = FileLane(name: "virt-copies")
    let logger: Logger
    private let arrivals: Arrivals
    /// Who runs QEMU, as the connection told that is named.
    private let hypervisorUser = Mutex<(connection: ObjectIdentifier, id: UInt32?)?>(nil)

    init(
        _ configuration: LibvirtDriverConfiguration, logger: Logger,
        hears: @escaping @Sendable (DomainEvent) -> Bool
    ) {
        self.logger = logger
        var lanes = CallLanes()
        lanes.shortDeadline = configuration.callDeadline
        lanes.longDeadline = configuration.longCallDeadline
        lanes.transferDeadline = configuration.transferDeadline
        let arrivals = Arrivals()
        self.arrivals = arrivals
        let (events, broadcast, outages) = (events, broadcast, outages)
        let complaint = ComplaintOnce()
        let userName = configuration.userName
        let password = configuration.password
        supervisor = ConnectionSupervisor(
            configuration: ConnectionConfiguration(
                uri: configuration.uri, access: configuration.isReadOnly ? .readOnly : .readWrite,
                credentials: { request in
                    switch request.kind {
                    case .userName, .authenticationName: userName
                    case .passphrase, .hiddenPrompt: password?.reveal()
                    default: nil
                    }
                }, openDeadline: configuration.openDeadline), lanes: lanes
        ) { event in
            switch event {
            case .connected:
                complaint.reset()
                outages.send(nil)
                logger.notice("libvirt connected", metadata: ["libvirt.uri": "\(configuration.uri)"])
                arrivals.announce()
                broadcast.send(.resynchronize)
            case .disconnected(let error):
                // An attempt every few seconds is worth one line, until it fails for another reason.
                logger.log(
                    level: complaint.isNew(error.message) ? .warning : .debug, "libvirt not connected",
                    metadata: ["libvirt.uri": "\(configuration.uri)", "error": "\(error)"])
                outages.send(error.message)
                events.fail(error)
            case .lifecycle(let change):
                guard hears(change) else { return }
                events.deliver(change)
                if let id = InstanceID(change.uuid), let state = PowerState(change) {
                    broadcast.send(.changed(id, state))
                }
            }
        }
    }

    /// Does a piece of work over the connection and turns what goes wrong into a fault, with libvirt's full words in
    /// the log alone.
    func withConnection<Value>(
        for instance: InstanceID? = nil, _ body: (Connection) async throws(LibvirtError) -> Value
    ) async throws -> Value {
        var current: Connection?
        // What is taken up again at a start asks before the first attempt has had its moment.
        if supervisor.isStarting { await awaitConnection(within: .seconds(1)) }
        do throws(LibvirtError) {
            let connection = try supervisor.connection()
            current = connection
            return try await body(connection)
        } catch {
            if let current { supervisor.report(error, on: current) }
            if error.kind == .cancelled { throw CancellationError() }
            var metadata: Logger.Metadata = ["libvirt.call": "\(error.operation)", "error": "\(error)"]
            metadata["instance.uuid"] = instance.map { "\($0)" }
            logger.debug("a call to libvirt failed", metadata: metadata)
            throw ComputeFault.libvirt(error, instance: instance)
        }
    }

    /// Waits until there is a connection, for at most `limit`.
    func awaitConnection(within limit: Duration, clock: any Clock<Duration> = ContinuousClock()) async {
        let arrival = arrivals.stream()
        if (try? supervisor.connection()) != nil { return }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in arrival { return } }
            group.addTask { try? await clock.sleep(for: limit, tolerance: nil) }
            await group.next()
            group.cancelAll()
        }
    }

    /// Who runs QEMU, from libvirt's own account, asked once for a connection; nil where it does not say.
    func hypervisorUserID() async throws -> UInt32? {
        let known = hypervisorUser.withLock { $0 }
        let (identity, text) = try await withConnection {
            connection throws(LibvirtError) -> (ObjectIdentifier, String?) in
            let identity = ObjectIdentifier(connection)
            return (identity, known?.connection == identity ? nil : try await connection.capabilities())
        }
        guard let text else { return known?.id }
        let id = Self.userID(capabilities: text)
        hypervisorUser.withLock { $0 = (identity, id) }
        return id
    }

    static func userID(capabilities text: String) -> UInt32? {
        guard let capabilities = try? XMLElement(parsing: text) else { return nil }
        let model = capabilities.all("host/secmodel").first { $0.first("model")?.text == "dac" }
        // "+64055:+64055": user and group.
        let label = model?.all("baselabel").first?.text
        return label?.split(separator: ":").first.flatMap { UInt32($0.drop { $0 == "+" }) }
    }
}

/// Tells those who wait for a connection that there is one.
private final class Arrivals: Sendable {
    private let waiting = Mutex<[AsyncStream<Void>.Continuation]>([])

    func stream() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingOldest(1))
        waiting.withLock { $0.append(continuation) }
        return stream
    }

    func announce() {
        let waiting = waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        for continuation in waiting {
            continuation.yield()
            continuation.finish()
        }
    }
}

/// Says whether a complaint differs from the one before.
private final class ComplaintOnce: Sendable {
    private let last = Mutex<String?>(nil)

    func isNew(_ complaint: String) -> Bool {
        last.withLock { last in
            defer { last = complaint }
            return last != complaint
        }
    }

    func reset() { last.withLock { $0 = nil } }
}
