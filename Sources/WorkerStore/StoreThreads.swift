// SPDX-License-Identifier: Apache-2.0

/// Who carries out what waits in the store.
package enum StoreThreads: Sendable, Hashable {
    /// Threads of the store: one that commits, and those that read.
    case owned
    /// Nobody but the owner, on the thread on which it calls ``WorkerStore/commitPending()`` and
    /// ``WorkerStore/readNext()``.
    ///
    /// For a simulator that decides when a commit happens. No thread is started and no clock decides anything. The
    /// calls must come one after the other.
    case driven
}

/// What waits in the store for its owner to carry it out.
package struct StoreWork: Sendable, Hashable {
    /// Closures that wait for a commit.
    package var writes: Int
    /// Delivered messages whose removal waits for a commit.
    package var strikes: Int
    /// Closures that wait for a look at the last commit.
    package var reads: Int

    package init(writes: Int = 0, strikes: Int = 0, reads: Int = 0) {
        self.writes = writes
        self.strikes = strikes
        self.reads = reads
    }

    package var isEmpty: Bool { writes == 0 && strikes == 0 && reads == 0 }
}
