// SPDX-License-Identifier: Apache-2.0

/// What the owner of a ``StoreThreads/driven`` store calls in the place of threads.
extension WorkerStore {
    /// What waits.
    package var pendingWork: StoreWork {
        let (writes, strikes) = pump.queued
        return StoreWork(writes: writes, strikes: strikes, reads: readers.queued)
    }

    /// Makes one commit of all that is queued, strikes included, and tells who waits; false where it failed.
    @discardableResult
    package func commitPending() -> Bool { pump.commitPending() }

    /// Carries out the read that waits longest; false where none waits.
    @discardableResult
    package func readNext() -> Bool { readers.readNext() }

    /// Ends as a crash ends: all that is queued fails with `closed`, nothing is written, no log is copied back.
    package func abandon() {
        // The writer first: the last connection to close copies the log back, and one that only reads can't.
        pump.abandonQueued()
        readers.abandonQueued()
    }
}
