// SPDX-License-Identifier: Apache-2.0

public import ComputeModel
internal import GRDB

/// What the worker must not forget: the journal of casts, the instances, what was made for them, and the outbox.
///
/// One thread writes. Writes of many tasks share a commit, and each returns after its commit has reached the disk.
public final class WorkerStore: Sendable {
    private let directory: StateDirectory?
    private let threads: StoreThreads
    let pump: CommitPump
    let readers: ReaderPool
    private let watch: LevelWatch
    private let index: InstanceIndex
    private let damage: DamageLog
    /// What the run before had left in the write-ahead log.
    public let log: LogReport

    /// Opens the store, making directory and database where they are missing, and locks it for this process.
    ///
    /// Blocks the thread for some milliseconds. A database of a newer version is left as it is, byte for byte.
    public init(_ configuration: StoreConfiguration) throws(StoreError) {
        let directory = configuration.fileSystem == nil ? try StateDirectory(path: configuration.directory) : nil
        let opening = DatabaseOpening(configuration: configuration, directory: directory)
        directory?.removeOldCopy()
        let writer = try opening.openWriter()
        let watch = LevelWatch(writer.levels)
        let pump = CommitPump(
            writer: writer, strikeDelay: configuration.strikeDelay, levels: watch, threads: configuration.threads,
            onWork: configuration.onWork)
        let connections = try opening.openReaders()
        readers = try ReaderPool(
            connections, damage: writer.damage, threads: configuration.threads, onWork: configuration.onWork)
        threads = configuration.threads
        guard configuration.threads == .driven || WorkerThread.start(name: "store-commit", { pump.run() }) else {
            readers.abandon()
            throw StoreError(.notAccessible, "no thread can be started for the database; check the limits of the user")
        }
        self.directory = directory
        self.pump = pump
        self.watch = watch
        index = writer.instances
        log = writer.log
        damage = writer.damage
        damage.onSuspicion { [weak directory] in directory?.markSuspect() }
        damage.onFinding { [weak pump] in pump?.wake() }
    }

    deinit {
        if threads == .driven { return abandon() }
        // The threads hold what they use, and end by themselves.
        readers.abandon()
        pump.abandon()
    }

    /// Runs `body` in the next commit, and returns what it returned after that commit has reached the disk.
    ///
    /// Once queued it is carried out, whether or not the task is cancelled. `body` runs on the store's thread: it must
    /// not block. It is run anew where another closure of its commit fails, so it changes nothing but the store. If it
    /// throws, what it changed is taken back, and the closures that share its commit are not touched.
    ///
    /// - Throws: what `body` throws; ``StoreError`` where the commit failed, and then nothing of it was kept.
    public func write<Value: Sendable>(
        _ body: @escaping @Sendable (borrowing StoreTransaction) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            pump.submit(WaitingWrite(body: body, continuation: continuation))
        }
    }

    /// Runs `body` on a reader's thread with a view of the last commit.
    public func read<Value: Sendable>(
        _ body: @escaping @Sendable (borrowing StoreSnapshot) throws -> Value
    ) async throws -> Value {
        try await readers.read(body)
    }

    /// Whether there may be a row of that instance; false spares the look. Does not wait.
    ///
    /// May be true of one whose row was removed, never false of one that a commit has written.
    public func mayHold(_ id: InstanceID) -> Bool { index.mayHold(id) }

    /// What was found damaged and is set aside, oldest first: what the operator is to be told of.
    ///
    /// ``StoreLevels/quarantined`` counts it, so that ``wait(until:)`` tells when it grows.
    public var quarantined: [QuarantinedRow] { damage.rows }

    /// Whether what is known of an instance was damaged: then nothing but a delete may be done for it. Does not wait.
    ///
    /// ``StoreTransaction/remove(_:)`` or ``StoreTransaction/release(_:)`` opens it again.
    public func isQuarantined(_ id: InstanceID) -> Bool { damage.contains(id) }

    /// Removes delivered messages from the outbox with the next commit, or after a short while.
    ///
    /// Returns at once. One that is lost in a crash means that its message is sent once more.
    public func strikeSoon(_ ids: [OutboxID]) { pump.strike(ids) }

    /// Writes a little and commits it: whether the store can be written (again).
    ///
    /// - Throws: ``StoreError`` where it can't.
    public func probe() async throws { try await write { try $0.probe() } }

    /// How full the store is, as of its last commit.
    public var levels: StoreLevels { watch.levels }

    /// Waits until `condition` holds after a commit; false where the store was closed or the task cancelled before.
    ///
    /// `condition` must be quick: every commit asks it.
    @discardableResult
    public func wait(until condition: @escaping @Sendable (StoreLevels) -> Bool) async -> Bool {
        await watch.wait(until: condition)
    }

    /// Writes what is queued, closes the database and unlocks the directory.
    public func close() async {
        await readers.close()
        await pump.close()
        directory?.unlock()
    }
}
