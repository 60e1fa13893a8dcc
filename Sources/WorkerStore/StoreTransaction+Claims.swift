// SPDX-License-Identifier: Apache-2.0

public import ComputeModel
internal import GRDB

extension StoreTransaction {
    /// Takes a part of the host for an instance, in place of what it had for that purpose.
    ///
    /// Held against the claims of all others as this transaction sees them, so that two can't both take the last of it.
    ///
    /// - Throws: ``ComputeFault`` of kind `computeResourcesUnavailable`, naming what is short, asked and free.
    public func claim(_ amounts: ClaimAmounts, for key: StoredClaim.Key, limits: ClaimLimits) throws {
        if let shortage = writer.memory.claims.shortage(of: amounts, for: key, limits) { throw shortage }
        try releaseClaim(key)
        let id = writer.memory.counters.nextClaimID
        try execute(
            """
            INSERT INTO claim (id, instance, purpose, vcpus, memory_mib, disk_gib, made_at, sum)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                id, key.instance.bits.blob, key.purpose.rawValue, amounts.vcpus, amounts.memoryMiB, amounts.diskGiB,
                now.microseconds,
                RowSum.claim(
                    id: id, instance: key.instance.bits, purpose: key.purpose.rawValue, amounts,
                    madeAt: now.microseconds),
            ])
        writer.memory.counters.nextClaimID += 1
        writer.memory.setClaim(ClaimBook.Line(row: id, amounts: amounts), of: key)
    }

    /// Gives a part of the host back; false where nothing was claimed.
    @discardableResult
    public func releaseClaim(_ key: StoredClaim.Key) throws -> Bool {
        guard let line = writer.memory.claims.lines[key] else { return false }
        try execute("DELETE FROM claim WHERE id = ?", [line.row])
        writer.memory.setClaim(nil, of: key)
        return true
    }

    /// Gives back everything that an instance has claimed.
    public func releaseClaims(of id: InstanceID) throws {
        for purpose in ClaimPurpose.allCases { try releaseClaim(StoredClaim.Key(instance: id, purpose: purpose)) }
    }

    /// What an instance has claimed for a purpose, this closure's changes included.
    public func claimed(_ key: StoredClaim.Key) -> ClaimAmounts? { writer.memory.claims.lines[key]?.amounts }

    /// Which claims there are, by instance and purpose.
    public var claimKeys: [StoredClaim.Key] {
        writer.memory.claims.lines.keys.sorted {
            ($0.instance.description, $0.purpose.rawValue) < ($1.instance.description, $1.purpose.rawValue)
        }
    }
}

extension StoreSnapshot {
    /// All claims, oldest first.
    public func claims() throws -> [StoredClaim] {
        try storeErrors {
            let cursor = try Row.fetchCursor(
                try database.cachedStatement(sql: "SELECT \(Row.claimColumns) FROM claim ORDER BY id"))
            var found: [StoredClaim] = []
            while let row = try cursor.next() {
                if let claim = try row.claim() { found.append(claim) }
            }
            return found
        }
    }
}

extension Row {
    static let claimColumns = "id, instance, purpose, vcpus, memory_mib, disk_gib, made_at, sum"

    /// A row of claims; nil where it does not agree with its sum.
    func claim() throws -> StoredClaim? {
        guard let id = int64(0), let instance = try instanceID(1), let purpose = text(2), let vcpus = int64(3),
            let memory = int64(4), let disk = int64(5), let madeAt = int64(6), let sum = int64(7)
        else { return nil }
        let amounts = ClaimAmounts(vcpus: Int(vcpus), memoryMiB: Int(memory), diskGiB: Int(disk))
        guard
            RowSum.claim(id: id, instance: instance.bits, purpose: purpose, amounts, madeAt: madeAt) == sum,
            let purpose = ClaimPurpose(rawValue: purpose)
        else { return nil }
        return StoredClaim(
            key: StoredClaim.Key(instance: instance, purpose: purpose), amounts: amounts, madeAt: timestamp(6))
    }
}
