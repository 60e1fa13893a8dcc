// SPDX-License-Identifier: Apache-2.0

internal import Metrics
internal import WorkerStore

/// What the relay counts.
struct RelayMetrics: Sendable {
    private let delivered: [OutboxMessage.Kind: Counter]
    private let dropped: [OutboxMessage.Kind: Counter]
    private let retried: [OutboxMessage.Kind: Counter]
    private let unroutable: [OutboxMessage.Kind: Counter]

    /// - Parameter policy: what becomes of a notification that no queue takes; everything else of the kind is dropped.
    init(policy: RelayConfiguration.UnroutablePolicy) {
        func counters(_ label: String) -> [OutboxMessage.Kind: Counter] {
            Dictionary(
                uniqueKeysWithValues: OutboxMessage.Kind.allCases.map {
                    ($0, Counter(label: label, dimensions: [("kind", $0.word)]))
                })
        }
        delivered = counters("compute_outbox_delivered_total")
        dropped = counters("compute_outbox_dropped_total")
        retried = counters("compute_outbox_retried_total")
        unroutable = Dictionary(
            uniqueKeysWithValues: OutboxMessage.Kind.allCases.map { kind in
                let policy = kind == .notification ? policy : .drop
                return (
                    kind,
                    Counter(
                        label: "compute_outbox_unroutable_total",
                        dimensions: [("kind", kind.word), ("policy", policy.rawValue)])
                )
            })
    }

    func countDelivered(_ kind: OutboxMessage.Kind) { delivered[kind]?.increment() }
    func countDropped(_ kind: OutboxMessage.Kind) { dropped[kind]?.increment() }
    func countUnroutable(_ kind: OutboxMessage.Kind) { unroutable[kind]?.increment() }
    func countRetried(_ kind: OutboxMessage.Kind) { retried[kind]?.increment() }
}

extension OutboxMessage.Kind {
    /// The word for logs and counters.
    var word: String { wireKind.rawValue }

    /// The manager's word for the same kind.
    var wireKind: WireMessage.Kind {
        switch self {
        case .notification: .notification
        case .reply: .reply
        case .cast: .cast
        case .deadLetter: .deadLetter
        }
    }
}

extension WireMessage {
    /// A row of the outbox, ready to be sent (again).
    init(_ row: OutboxRow) {
        let message = row.message
        self.init(
            kind: message.kind.wireKind, exchange: message.exchange, routingKey: message.routingKey,
            isMandatory: message.isMandatory, body: message.body, headers: message.headers,
            sequence: row.sequence)
    }
}
