// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import GRDB

/// What goes into the sum of each table's rows.
extension RowSum {
    /// Of a journal row: all of it that never changes.
    ///
    /// The upper half is of the name alone, so that finished rows, of which there are many, are checked at start by
    /// what is read of them anyway.
    static func journal(
        id: Int64, name: UInt32, form: Int64, method: String, version: String, operation: String,
        instance: UniqueBits?, requestID: String?, reply: String?, receivedAt: Int64
    ) -> Int64 {
        var sum = RowSum(id)
        sum.add(form)
        sum.add(method)
        sum.add(version)
        sum.add(operation)
        sum.add(instance)
        sum.add(requestID)
        sum.add(reply)
        sum.add(receivedAt)
        return Int64(bitPattern: UInt64(name) << 32 | sum.value & 0xFFFF_FFFF)
    }

    /// Of the names by which a repeat of a message is known.
    static func name(id: Int64, bits: UniqueBits?, text: String?, content: UniqueBits?) -> UInt32 {
        var sum = RowSum(id)
        sum.add(bits)
        sum.add(text)
        sum.add(content)
        return UInt32(truncatingIfNeeded: sum.value)
    }

    static func body(id: Int64, _ body: UnsafeRawBufferPointer) -> Int64 {
        var sum = RowSum(id)
        sum.add(body)
        return sum.column
    }

    static func step(id: Int64, _ step: UnsafeRawBufferPointer) -> Int64 {
        var sum = RowSum(~id)
        sum.add(step)
        return sum.column
    }

    /// Of how a request ended; in the place of the step, which is gone then.
    static func end(id: Int64, outcome: String?, finishedAt: Int64, error: String?) -> Int64 {
        var sum = RowSum(~id)
        sum.add(outcome)
        sum.add(finishedAt)
        sum.add(error)
        return sum.column
    }

    /// Of what was made for an instance.
    static func resource(of id: UniqueBits, kind: String, name: String) -> Int64 {
        var sum = RowSum(seed: 2)
        sum.add(id)
        sum.add(kind)
        sum.add(name)
        return sum.column
    }

    /// Of an instance's own fields.
    static func fields(of id: UniqueBits, _ fields: UnsafeRawBufferPointer, updatedAt: Int64) -> Int64 {
        var sum = RowSum(updatedAt)
        sum.add(id)
        sum.add(fields)
        return sum.column
    }

    /// Of what is kept beside them.
    static func rest(
        of id: UniqueBits, network: UnsafeRawBufferPointer, details: UnsafeRawBufferPointer
    ) -> Int64 {
        var sum = RowSum(seed: 1)
        sum.add(id)
        sum.add(network)
        sum.add(details)
        return sum.column
    }

    static func outbox(
        id: Int64, orderingKey: String, kind: Int64, exchange: String, routingKey: String, isMandatory: Bool,
        headers: UnsafeRawBufferPointer, instance: UniqueBits?, createdAt: Int64, sequence: Int64?,
        body: UnsafeRawBufferPointer
    ) -> Int64 {
        var sum = RowSum(id)
        sum.add(orderingKey)
        sum.add(kind << 1 | (isMandatory ? 1 : 0))
        sum.add(exchange)
        sum.add(routingKey)
        sum.add(headers)
        sum.add(instance)
        sum.add(createdAt)
        sum.add(sequence ?? 0)
        sum.add(body)
        return sum.column
    }

    static func claim(
        id: Int64, instance: UniqueBits, purpose: String, _ amounts: ClaimAmounts, madeAt: Int64
    ) -> Int64 {
        var sum = RowSum(id)
        sum.add(instance)
        sum.add(purpose)
        sum.add(Int64(amounts.vcpus))
        sum.add(Int64(amounts.memoryMiB))
        sum.add(Int64(amounts.diskGiB))
        sum.add(madeAt)
        return sum.column
    }
}
