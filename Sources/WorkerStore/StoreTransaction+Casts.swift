// SPDX-License-Identifier: Apache-2.0

public import ComputeModel
internal import GRDB

extension StoreTransaction {
    /// Removes the casts of an instance that have not left yet, and says how many; looks through the whole outbox.
    @discardableResult
    public func strikeCasts(of instance: InstanceID) throws -> Int {
        let gone = try execute(
            "DELETE FROM outbox WHERE kind = ? AND instance = ?",
            [OutboxMessage.Kind.cast.rawValue, instance.bits.blob])
        writer.memory.counters.outbox -= gone
        return gone
    }
}
