// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import GRDB

extension StoreTransaction {
    /// How far the events of an instance are counted, for its row, which is about to be written.
    func takenSequence(of id: InstanceID) -> Int64 {
        writer.memory.noteSequence(of: id, isWritten: true)
        return writer.memory.sequence(of: id)?.last ?? 0
    }

    /// Writes how far events are counted where no row that was written anyway says it; at the end of a commit.
    ///
    /// Into the row of the instance, which this commit has touched as a rule; else into a table for those without one.
    func writeSequences() throws {
        for id in writer.memory.unwrittenSequences {
            guard let sequence = writer.memory.sequence(of: id), sequence.last != sequence.written else { continue }
            let changed = try execute("UPDATE instance SET sequence = ? WHERE uuid = ?", [sequence.last, id.bits.blob])
            if changed == 0 {
                try execute(
                    """
                    INSERT INTO sequence (instance, last, changed_at) VALUES (?, ?, ?)
                    ON CONFLICT (instance) DO UPDATE SET last = excluded.last, changed_at = excluded.changed_at
                    """, [id.bits.blob, sequence.last, now.microseconds])
            }
            writer.memory.noteSequence(of: id, isWritten: true)
        }
    }
}
