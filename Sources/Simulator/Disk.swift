// SPDX-License-Identifier: Apache-2.0

internal import SimulatedDisk
internal import WorkerStore

/// The disk that the journal lies on, and what goes wrong with it.
///
/// @unchecked Sendable because only the thread of the simulation touches it.
final class Disk: @unchecked Sendable {
    private static let directory = "/journal"

    private let disk: SimulatedDisk?
    /// Set while the power is about to go in the middle of what is being written.
    private var cut: SimulatedDisk.Crash?

    init() { disk = SimulatedDisk() }

    func open(_ world: World) throws(StoreError) -> WorkerStore {
        guard let disk else { throw StoreError(.notAccessible, "there is no memory for a disk") }
        var configuration = StoreConfiguration(
            directory: Self.directory, pageSize: 1024, checkpointBytes: 24 << 10, fileSystem: disk.name,
            clock: world.wallClock, identifiers: world.identifiers)
        configuration.threads = .driven
        return try WorkerStore(configuration)
    }

    /// Whether the machine stopped in the middle of the last operation.
    var hasStopped: Bool { disk?.isCut ?? false }

    /// The process dies, or the machine; what it has open is closed without a word.
    func crash(losesPower: Bool, _ dice: inout SeededGenerator) {
        disk?.crash(cut ?? (losesPower ? .power(seed: dice.next()) : .process))
        cut = nil
    }

    /// Lets the process or the machine die in the middle of what is written next.
    func crashSoon(losesPower: Bool, _ dice: inout SeededGenerator) {
        cut = losesPower ? .power(seed: dice.next()) : .process
        disk?.cutPower(after: dice.below(12))
    }

    /// A fault that passes by itself, or has to be mended after a while.
    func happen(_ kind: FaultKind, _ dice: inout SeededGenerator) {
        guard let disk else { return }
        switch kind {
        case .diskFull: disk.capacity = disk.bytesUsed + dice.below(20_000)
        case .writeError: disk.failNext(.write, count: dice.within(1...3))
        case .syncError: disk.failNext(.sync, count: dice.within(1...3))
        case .readError: disk.failNext(.read, count: dice.within(1...3))
        default: break
        }
    }

    /// Turns a bit over of what a crash left, in the log or elsewhere.
    func flipBit(_ dice: inout SeededGenerator) -> Bool {
        disk?.flipBit(seed: dice.next(), inFilesEnding: dice.chance(50) ? "-wal" : "sqlite") != nil
    }

    /// The version of the tables before a newer worker raised it; nil while they have the one that we know.
    private var knownVersion: Int?

    /// Whether a newer worker had the journal, so that this one must refuse it.
    var isNewer: Bool { knownVersion != nil }

    /// A newer worker has the journal, between two lives of ours, and brings its tables to a version of its own.
    func raiseVersion(_ dice: inout SeededGenerator) -> Bool {
        guard let known = change("PRAGMA user_version", keepsLog: true), known > 0,
            change("PRAGMA user_version = \(known + 100)", keepsLog: dice.chance(50)) != nil
        else { return false }
        knownVersion = known
        return true
    }

    /// It is taken back to the version that we know.
    func lowerVersion(_ dice: inout SeededGenerator) -> Bool {
        guard let knownVersion,
            change("PRAGMA user_version = \(knownVersion)", keepsLog: dice.chance(50)) != nil
        else { return false }
        self.knownVersion = nil
        return true
    }

    /// Every file, byte for byte.
    var files: [String: [UInt8]] {
        guard let disk else { return [:] }
        return Dictionary(uniqueKeysWithValues: disk.paths.map { ($0, disk.contents(of: $0) ?? []) })
    }

    /// Does it on a copy and puts that in place, so that what is wrong with the disk meets the worker alone.
    private func change(_ sql: String, keepsLog: Bool) -> Int? {
        guard let disk, let copy = SimulatedDisk() else { return nil }
        for (path, bytes) in files.sorted(by: { $0.key < $1.key }) { copy.put(bytes, at: path) }
        let answer = copy.execute(sql, in: Self.directory + "/worker.sqlite", keepsLog: keepsLog)
        guard answer != nil else { return nil }
        // A log that was written back and is gone is as good as an empty one.
        for path in Set(copy.paths + disk.paths).sorted() { disk.put(copy.contents(of: path) ?? [], at: path) }
        return answer
    }

    func heal() {
        guard let disk else { return }
        disk.capacity = nil
        for operation in SimulatedDisk.Operation.allCases { disk.failNext(operation, count: 0) }
    }

    var counters: SimulatedDisk.Counters? { disk?.counters }
}
