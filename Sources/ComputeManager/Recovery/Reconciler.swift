// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Logging
internal import Synchronization
internal import WorkerStore

/// Keeps the rows of instances true to their guests when others change those: virsh, the guest itself, a crash.
///
/// An event, or the list of all guests, only raises a suspicion. What is written comes from a look at the guest in its
/// instance's own lane, where no operation of that instance runs: what our own operations bring about is theirs.
/// Guests without an instance are reported; no guest is ever touched, but for those that went down with their host,
/// where the operator wants them resumed.
struct Reconciler: Sendable {
    /// How long events gather: one look for all that an operation, or a storm, brings about.
    static let settling = Duration.milliseconds(500)
    /// How long after a look that showed nothing, or an instance that was busy, the next is taken.
    static let pause = Duration.milliseconds(5500)
    /// How often one guest is put back before it is left to the next reading of all.
    private static let maximumRounds = 24

    let services: ManagerServices
    let dispatcher: Dispatcher
    private let board = BoardBox()
    private let bells: AsyncStream<Void>
    private let bell: AsyncStream<Void>.Continuation

    init(services: ManagerServices, dispatcher: Dispatcher) {
        self.services = services
        self.dispatcher = dispatcher
        (bells, bell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Guests that no instance owns.
    var foreign: Set<InstanceID> { board.withLock { $0.foreign } }

    /// Listens, and reads all guests at the start, whenever events may have been missed, and every so often; until its
    /// task is cancelled.
    func run() async {
        let events = (services.driver.driver as? any LifecycleEventDriver)?.lifecycleEvents()
        board.withLock { $0.needsInventory = true }
        bell.yield()
        await withTaskGroup(of: Void.self) { group in
            if let events { group.addTask { await listen(events) } }
            // Else it is a periodic task like others.
            if services.configuration.periodic == nil, let interval = services.configuration.powerSyncInterval {
                group.addTask {
                    while await services.clock.paused(for: interval) {
                        board.withLock { $0.needsInventory = true }
                        bell.yield()
                    }
                }
            }
            for await _ in bells { await work() }
            group.cancelAll()
        }
    }

    private func listen(_ events: AsyncStream<LifecycleEvent>) async {
        for await event in events {
            board.withLock { board in
                switch event {
                case .changed(let id, let state): board.add(id, told: state)
                case .resynchronize: board.needsInventory = true
                }
            }
            bell.yield()
        }
    }

    /// Works off the board until it is clean, or its task is cancelled. What fails is tried again: nothing that is read
    /// here may end the worker.
    private func work() async {
        var pause = Self.settling
        while await services.clock.paused(for: pause) {
            let (needsInventory, suspects) = board.withLock { $0.take() }
            if suspects.isEmpty, !needsInventory { return }
            do {
                try await weigh(suspects)
                if needsInventory { try await takeInventory() }
            } catch {
                if error is CancellationError { return }
                services.logger.error(
                    "the guests can't be held against their instances; trying again",
                    metadata: [LogKey.error: .string("\(error)")])
                board.withLock { $0.needsInventory = true }
            }
            // What is on the board again was put back; what events bring meanwhile rings the bell.
            pause = Self.pause
        }
    }

    /// Holds what events told against the rows; where they agree there is nothing to look at.
    private func weigh(_ suspects: [SuspectBoard.Suspect]) async throws {
        let known = suspects.map(\.id).filter { services.store.mayHold($0) }
        let rows = known.isEmpty ? [:] : try await rows(known)
        for suspect in suspects {
            guard let row = rows[suspect.id] else {
                // Nobody's, as it seems: a guest that goes leaves nothing to report.
                if suspect.told != .shutdown, !services.store.isQuarantined(suspect.id) {
                    visit(suspect.id, rounds: suspect.rounds)
                }
                continue
            }
            if row.instance.taskState != nil {
                putBack(suspect)
            } else if let told = suspect.told {
                let isSuspect = PowerSync(row.instance, .present(told), host: services.configuration.host) != .agreed
                if isSuspect { visit(suspect.id, rounds: suspect.rounds) }
            } else {
                visit(suspect.id, rounds: suspect.rounds)
            }
        }
    }

    private func rows(_ ids: [InstanceID]) async throws -> [InstanceID: StoredInstance] {
        try await services.read { snapshot in
            var rows: [InstanceID: StoredInstance] = [:]
            for id in ids {
                do {
                    rows[id] = try snapshot.instance(id)
                } catch let error as StoreError where error.code == .damaged {
                    // Closed by itself, and told of by the store; its guest is left alone.
                }
            }
            return rows
        }
    }

    private func putBack(_ suspect: SuspectBoard.Suspect) {
        guard suspect.rounds < Self.maximumRounds else { return }
        board.withLock { $0.add(suspect.id, told: suspect.told, rounds: suspect.rounds + 1) }
    }

    /// Reads all guests in one question, then the rows: a guest whose row went in between was being deleted.
    private func takeInventory() async throws {
        do {
            _ = try await readGuests()
        } catch let fault as ComputeFault {
            // Nothing is concluded from that.
            services.logger.info(
                "the guests can't be listed; trying again", metadata: [LogKey.error: .string("\(fault)")])
            board.withLock { $0.needsInventory = true }
        }
    }

    /// Reads all guests and has those visited that differ from their rows; how many there are of both.
    func readGuests() async throws -> (guests: Int, differing: Int) {
        let guests = try await services.driver.inventory()
        let rows = try await services.read { try $0.instances() }
        let isFirst = services.configuration.resumesGuestsOnHostBoot && board.withLock { $0.isFirstReading }
        var states: [InstanceID: PowerState] = [:]
        for guest in guests { states[guest.id] = guest.powerState }
        var differing = 0
        for row in rows {
            let reading = states[row.id].map { GuestReading.present($0) } ?? .absent
            guard PowerSync(row.instance, reading, host: services.configuration.host) != .agreed else { continue }
            differing += 1
            if isFirst, case .present(let power) = reading { try await resume(row, power) }
            visit(row.id, rounds: 0)
        }
        for row in rows where row.liveSource != nil && states[row.id] == .running { try await takeOver(row) }
        let owned = Set(rows.map(\.id))
        let known = foreign
        for guest in guests
        where !owned.contains(guest.id) && !known.contains(guest.id) && !services.store.isQuarantined(guest.id) {
            visit(guest.id, rounds: 0)
        }
        board.withLock { board in
            board.keepForeign(Set(states.keys).subtracting(owned))
            board.isFirstReading = false
        }
        services.logger.debug(
            "the guests were read",
            metadata: ["guests": "\(guests.count)", "instances": "\(rows.count)", "differing": "\(differing)"])
        return (guests.count, differing)
    }

    /// Has a guest started that ran when the worker saw it last, and went down while it was away; what the request
    /// leaves is seen by the look that comes behind it in the lane.
    private func resume(_ row: StoredInstance, _ power: PowerState) async throws {
        guard power == .shutdown || power == .crashed, OwnCondition.downWithHost.holds(row.instance) else { return }
        let metadata: Logger.Metadata = [LogKey.instance: .string(row.id.description)]
        guard DriverOperation.resumeStateOnHostBoot.isImplemented(by: services.driver.kind) else {
            services.logger.warning("the driver can't resume guests", metadata: metadata)
            return
        }
        services.logger.notice("a guest went down while no worker was here; resuming it", metadata: metadata)
        try await OwnRequests(services: services, work: dispatcher).submit(
            ResumeStateOnHostBoot.name.rawValue, row.instance, onlyWhile: .downWithHost)
    }

    /// Makes a guest one of this host's that came as it ran, and that its source could not tell of.
    private func takeOver(_ row: StoredInstance) async throws {
        guard row.isElsewhere(than: services.configuration.host) else { return }
        var instance = row.instance
        instance.taskState = .migrating
        try await OwnRequests(services: services, work: dispatcher).submit(
            PostLiveMigrationAtDestination.name.rawValue, instance)
    }

    private func visit(_ id: InstanceID, rounds: Int) {
        guard board.withLock({ $0.beginVisit(id) }) else { return }
        dispatcher.visit(id) { await look(at: id, rounds: rounds) }
    }

    /// In the instance's lane: asks the hypervisor now, and writes what that means.
    private func look(at id: InstanceID, rounds: Int) async {
        board.withLock { $0.visited(id) }
        let reading = await services.driver.reading(of: id)
        if reading == .unknown {
            putBack(SuspectBoard.Suspect(id: id, told: nil, rounds: rounds))
            bell.yield()
            return
        }
        do {
            let finding = try await services.write { try settle(id, reading, in: $0) }
            tell(id, reading, finding)
        } catch {
            if error is CancellationError { return }
            services.logger.error(
                "what became of a guest can't be written",
                metadata: [LogKey.instance: .string(id.description), LogKey.error: .string("\(error)")])
        }
    }

    /// One commit: the row and its events; nil where there is no row.
    private func settle(
        _ id: InstanceID, _ reading: GuestReading, in transaction: borrowing StoreTransaction
    ) throws -> PowerSync? {
        guard let row = try transaction.instance(id) else { return nil }
        let finding = PowerSync(row.instance, reading, host: services.configuration.host)
        guard finding != .agreed else { return .agreed }
        let context = RequestContext.admin(requestID: "req-\(services.identifiers.next().dashed)")
        var change = InstanceChange(row: row, context: context, events: services.events)
        finding.apply(to: &change)
        for message in services.encoder.messages(of: change) { try transaction.enqueue(message) }
        try transaction.save(change.row)
        return finding
    }

    private func tell(_ id: InstanceID, _ reading: GuestReading, _ finding: PowerSync?) {
        // A record that is damaged is still somebody's.
        let isForeign = finding == nil && reading != .absent && !services.store.isQuarantined(id)
        let isNews = board.withLock { $0.isForeign(id, isForeign) }
        let words: String? =
            isNews ? "a guest is here that no instance owns; it is reported and left alone" : finding?.words
        guard let words else { return }
        services.logger.warning("\(words)", metadata: [LogKey.instance: .string(id.description)])
    }
}

/// The one board of a reconciler.
private final class BoardBox: Sendable {
    private let board = Mutex(SuspectBoard())

    func withLock<Output: Sendable>(_ body: (inout SuspectBoard) -> Output) -> Output {
        board.withLock { board in body(&board) }
    }
}
