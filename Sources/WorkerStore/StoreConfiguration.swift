// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Where the store lives and what it may cost.
public struct StoreConfiguration: Sendable {
    /// The directory of the database, owned by this worker alone; made with mode 0700 where it is missing.
    public var directory: String
    /// Bytes of a database page, a power of two from 512 to 65536; only a new database takes it.
    ///
    /// A cast's body should fit a page three times over: one that spills into overflow pages costs half as much again.
    public var pageSize: Int
    /// Threads that serve ``WorkerStore/read(_:)``, each with a connection of its own.
    public var readers: Int
    /// Bytes of the write-ahead log after which a commit copies it back into the database.
    public var checkpointBytes: Int
    /// Bytes of pages that the writer keeps in memory.
    public var cacheBytes: Int
    /// The most pages that the database may have; nil for no limit of its own.
    public var maximumPageCount: Int?
    /// How long the removal of a delivered message may wait for a commit that is made anyway.
    public var strikeDelay: Duration
    /// The name of a registered SQLite VFS, which then holds the directory: no real file is touched and nothing locked.
    /// Nil for the operating system's files.
    public var fileSystem: String?
    /// Where times come from.
    public var clock: any WallClock
    /// Where the key of a new database comes from.
    public var identifiers: any IdentifierSource
    /// Who carries out what waits.
    package var threads = StoreThreads.owned
    /// Called, on the thread that queues it, whenever something is queued.
    package var onWork: (@Sendable () -> Void)?

    public init(
        directory: String, pageSize: Int = 32768, readers: Int = 1, checkpointBytes: Int = 32 << 20,
        cacheBytes: Int = 4 << 20, maximumPageCount: Int? = nil, strikeDelay: Duration = .milliseconds(50),
        fileSystem: String? = nil, clock: any WallClock = SystemWallClock(),
        identifiers: any IdentifierSource = RandomIdentifiers()
    ) {
        self.directory = directory
        self.pageSize = pageSize
        self.readers = readers
        self.checkpointBytes = checkpointBytes
        self.cacheBytes = cacheBytes
        self.maximumPageCount = maximumPageCount
        self.strikeDelay = strikeDelay
        self.fileSystem = fileSystem
        self.clock = clock
        self.identifiers = identifiers
    }
}
