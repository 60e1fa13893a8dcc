// SPDX-License-Identifier: Apache-2.0

internal import CSimulatedDisk

extension SimulatedDisk {
    /// What has happened on a disk since it was made.
    public struct Counters: Sendable, Hashable {
        public let reads: Int
        public let writes: Int
        public let syncs: Int
        public let truncations: Int
        public let creations: Int
        public let deletions: Int
        public let failedReads: Int
        public let failedWrites: Int
        public let failedSyncs: Int
        /// Writes that were refused for want of space.
        public let refusedForSpace: Int
        public let processCrashes: Int
        public let powerCuts: Int
        /// Unsynced operations that a power cut left whole.
        public let keptOperations: Int
        /// Those that it took back.
        public let lostOperations: Int
        /// Writes that it left in part.
        public let tornWrites: Int
        public let flippedBits: Int

        init(_ counters: csd_counters) {
            reads = Int(counters.reads)
            writes = Int(counters.writes)
            syncs = Int(counters.syncs)
            truncations = Int(counters.truncations)
            creations = Int(counters.creations)
            deletions = Int(counters.deletions)
            failedReads = Int(counters.failed_reads)
            failedWrites = Int(counters.failed_writes)
            failedSyncs = Int(counters.failed_syncs)
            refusedForSpace = Int(counters.refused_for_space)
            processCrashes = Int(counters.process_crashes)
            powerCuts = Int(counters.power_cuts)
            keptOperations = Int(counters.kept_operations)
            lostOperations = Int(counters.lost_operations)
            tornWrites = Int(counters.torn_writes)
            flippedBits = Int(counters.flipped_bits)
        }
    }
}
