// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// Everything of one commit, ready to be written: the row, the journal's step, the events, the reply.
struct CommitPlan: Sendable {
    /// What becomes of the journal row.
    enum Journal: Sendable {
        case checkpoint([UInt8])
        case finish(JournalOutcome, error: String?)
    }

    let entry: JournalID
    let journal: Journal
    /// Nil where the commit has no instance: a request that named none.
    let change: InstanceChange?
    let messages: [OutboxMessage]
    /// What is told where a cast is taken back.
    var endOfBuild: [OutboxMessage] = []

    /// Writes all of it in one transaction.
    func apply(to transaction: borrowing StoreTransaction) throws {
        if let change {
            let id = change.row.id
            if change.isClean { try transaction.strikeResources(of: id) }
            if change.isClean || change.isRemoved { try transaction.releaseClaims(of: id) }
            for claim in change.claims { try claim.apply(to: id, in: transaction) }
            if change.takesBackCasts, try transaction.strikeCasts(of: id) > 0 {
                for message in endOfBuild { try transaction.enqueue(message) }
            }
            for resource in change.resources {
                try transaction.register(kind: resource.kind, name: resource.name, for: id)
            }
        }
        // Before the row, which then keeps the number of its last event.
        for message in messages {
            let place = try transaction.enqueue(message)
            guard let method = message.castMethod else { continue }
            try transaction.beginCast(entry, topic: message.routingKey, method: method, place)
        }
        if let change {
            if change.isRemoved {
                if let ended = change.ended { try transaction.keep(ended) }
                try transaction.remove(change.row.id)
            } else if let row = try change.settledRow(in: transaction) {
                try transaction.save(row)
            }
        }
        switch journal {
        case .checkpoint(let step): try transaction.checkpoint(entry, step: step)
        case .finish(let outcome, let error): try transaction.finish(entry, outcome: outcome, error: error)
        }
    }
}

extension OutboxMessage {
    /// A row of the outbox; messages of one key leave in order.
    ///
    /// - Parameters:
    ///   - repeatsEvent: whether it is the event before it once more, in another form or for another topic.
    ///   - castMethod: what a cast asks for.
    init(
        _ message: WireMessage, orderingKey: String, instance: InstanceID?, repeatsEvent: Bool = false,
        castMethod: String? = nil
    ) {
        let kind: Kind =
            switch message.kind {
            case .notification: .notification
            case .reply: .reply
            case .cast: .cast
            case .deadLetter: .deadLetter
            }
        self.init(
            orderingKey: orderingKey, kind: kind, exchange: message.exchange, routingKey: message.routingKey,
            isMandatory: message.isMandatory, headers: message.headers, body: message.body, instance: instance,
            repeatsEvent: repeatsEvent, castMethod: castMethod)
    }
}

extension MessageEncoder {
    /// One event: a row for each form and topic, of which all have the number of the first.
    func rows(of event: Notification, orderingKey: String, instance: InstanceID?) -> [OutboxMessage] {
        notification(event).enumerated().map { index, message in
            OutboxMessage(message, orderingKey: orderingKey, instance: instance, repeatsEvent: index > 0)
        }
    }

    func row(of cast: OutgoingCast, orderingKey: String, instance: InstanceID?) -> OutboxMessage {
        OutboxMessage(self.cast(cast), orderingKey: orderingKey, instance: instance, castMethod: cast.method)
    }

    /// How the end of a build is told that was to be handed back.
    func endOfBuild(_ change: InstanceChange) -> [OutboxMessage] {
        let id = change.row.id
        return change.endOfBuild.map { rows(of: $0, orderingKey: id.description, instance: id) } ?? []
    }

    /// What a change tells, in the order in which it tells it; casts last.
    func messages(of change: InstanceChange) -> [OutboxMessage] {
        let id = change.row.id
        let key = id.description
        return change.notifications.flatMap { rows(of: $0, orderingKey: key, instance: id) }
            + change.casts.map { row(of: $0, orderingKey: key, instance: id) }
    }

    func replies(_ result: JSONValue, to address: ReplyAddress?, instance: InstanceID?) -> [OutboxMessage] {
        guard let address else { return [] }
        return reply(result, to: address).map {
            OutboxMessage($0, orderingKey: "reply:\(address.id)", instance: instance)
        }
    }

    func failures(_ fault: ComputeFault, to address: ReplyAddress?, instance: InstanceID?) -> [OutboxMessage] {
        guard let address else { return [] }
        return failure(fault, to: address).map {
            OutboxMessage($0, orderingKey: "reply:\(address.id)", instance: instance)
        }
    }
}

extension ReplyAddress {
    /// The caller's id of the call.
    var id: String {
        switch self {
        case .messageID(let id): id
        case .replyQueue(_, let id, _): id
        }
    }
}
