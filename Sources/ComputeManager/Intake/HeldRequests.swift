// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// Requests that wait for room for disks: neither journaled nor acknowledged, so that they are the broker's still.
///
/// A value, so that its rules stand in one place. What is asked of one instance keeps its order: what is not held takes
/// along what is held of its instance.
struct HeldRequests: Sendable {
    struct Request: Sendable {
        let entry: NewJournalEntry
        let token: AcknowledgementToken
    }

    /// How much may be held, so that the broker goes on handing out the rest.
    struct Bounds: Sendable {
        var count: Int
        var bytes: Int
    }

    private let bounds: Bounds
    /// In the order of their arrival.
    private(set) var requests: [Request] = []
    /// How many were ever held.
    private(set) var total = 0
    private var bytes = 0

    init(_ bounds: Bounds) { self.bounds = bounds }

    /// Holds what has to wait; what is to be journaled now, in its order.
    mutating func sift(_ batch: [Request], isFull: Bool) -> [Request] {
        var passing: [Request] = []
        passing.reserveCapacity(batch.count)
        for request in batch {
            // The broker brings again what an earlier connection held.
            if let first = requests.first, first.token.generation < request.token.generation { removeAll() }
            let waits = isWaiting(request.entry.summary.instance)
            if isFull, canWait(request.entry, behindOthers: waits) {
                requests.append(request)
                total += 1
                bytes += request.entry.body.count
            } else {
                if waits { passing += take { $0.entry.summary.instance == request.entry.summary.instance } }
                passing.append(request)
            }
        }
        return passing
    }

    /// What is to wait no longer: all of it where there is room, else what has waited too long, with what came before
    /// it for its instance.
    func due(isFull: Bool, limits: AgeLimits, now: Timestamp) -> [Request] {
        guard isFull else { return requests }
        var last: [InstanceID: Int] = [:]
        for (index, request) in requests.enumerated() {
            guard let limit = limits[OperationName(rawValue: request.entry.operation)],
                let instance = request.entry.summary.instance,
                AgeLimits.age(sent: nil, received: request.entry.receivedAt, now: now) > limit
            else { continue }
            last[instance] = index
        }
        guard !last.isEmpty else { return [] }
        return requests.enumerated().filter { index, request in
            request.entry.summary.instance.flatMap { last[$0] }.map { index <= $0 } ?? false
        }.map(\.element)
    }

    mutating func remove(_ gone: [Request]) {
        let tokens = Set(gone.map(\.token))
        _ = take { tokens.contains($0.token) }
    }

    mutating func removeAll() {
        requests = []
        bytes = 0
    }

    /// A caller would not wait for as long, a delete makes room, and what names no instance is refused in its turn.
    private func canWait(_ entry: NewJournalEntry, behindOthers: Bool) -> Bool {
        guard entry.summary.reply == nil, entry.summary.instance != nil, requests.count < bounds.count,
            bytes + entry.body.count <= bounds.bytes,
            let operation = OperationTable.operation(OperationName(rawValue: entry.operation))
        else { return false }
        if (operation as? any InstanceOperation.Type)?.supersedesEarlier == true { return false }
        return operation.needsRoom || behindOthers
    }

    private func isWaiting(_ instance: InstanceID?) -> Bool {
        guard let instance else { return false }
        return requests.contains { $0.entry.summary.instance == instance }
    }

    private mutating func take(where isMeant: (Request) -> Bool) -> [Request] {
        let taken = requests.filter(isMeant)
        requests.removeAll(where: isMeant)
        bytes -= taken.reduce(0) { $0 + $1.entry.body.count }
        return taken
    }
}
