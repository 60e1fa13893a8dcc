// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// A batch of messages, sorted by what is to become of them; pure, so that the rules stand in one place.
struct IntakeSorting {
    /// A message that can't be taken in and is to be looked at by somebody.
    struct Refused {
        let message: IncomingMessage
        let reason: MalformedMessage
    }

    /// A call that is answered with a failure.
    struct Answer {
        let token: AcknowledgementToken
        let fault: ComputeFault
        let reply: ReplyAddress
    }

    private(set) var journal: [NewJournalEntry] = []
    private(set) var journalTokens: [AcknowledgementToken] = []
    private(set) var answers: [Answer] = []
    private(set) var readings: [IncomingMessage] = []
    private(set) var refused: [Refused] = []

    /// Sorts a batch.
    init(_ batch: [IncomingMessage], router: some RequestRouter, receivedAt: Timestamp) {
        journal.reserveCapacity(batch.count)
        journalTokens.reserveCapacity(batch.count)
        for message in batch { sort(message, router: router, receivedAt: receivedAt) }
    }

    /// What is to be journaled after some was held back, and some let go before it.
    mutating func setJournal(_ requests: [HeldRequests.Request]) {
        journal = requests.map(\.entry)
        journalTokens = requests.map(\.token)
    }

    private mutating func sort(_ message: IncomingMessage, router: some RequestRouter, receivedAt: Timestamp) {
        switch message.scan {
        case .failure(let malformed):
            refuse(message, malformed, as: ComputeFault.invalid(malformed.detail))
        case .success where message.size > message.body.count:
            // What was cut off is unknown, so nothing of it is believed, a reply address least of all.
            let reason = MalformedMessage(.tooLarge, "the message of \(message.size) bytes is over the limit")
            refused.append(Refused(message: message, reason: reason))
        case .success(let summary):
            switch router.route(summary) {
            case .operation(let operation, isReadOnly: false):
                journal.append(
                    NewJournalEntry(
                        summary: summary, operation: operation.rawValue, body: message.body,
                        isRedelivered: message.isRedelivered, connection: message.epoch,
                        receivedAt: receivedAt))
                journalTokens.append(message.token)
            case .operation(_, isReadOnly: true):
                readings.append(message)
            case .unknownMethod(let fault):
                refuse(message, Self.malformed(.unknownMethod, fault, summary), as: fault)
            case .unsupportedVersion(let fault):
                refuse(message, Self.malformed(.unsupportedVersion, fault, summary), as: fault)
            }
        }
    }

    /// A call that can still be answered is answered; everything else is put aside for somebody to look at.
    private mutating func refuse(_ message: IncomingMessage, _ reason: MalformedMessage, as fault: ComputeFault) {
        if let reply = reason.reply, reason.reason != .tooLarge {
            answers.append(Answer(token: message.token, fault: fault, reply: reply))
        } else {
            refused.append(Refused(message: message, reason: reason))
        }
    }

    private static func malformed(
        _ reason: MalformedMessage.Reason, _ fault: ComputeFault, _ summary: MessageSummary
    ) -> MalformedMessage {
        MalformedMessage(reason, fault.message, reply: summary.reply, form: summary.form)
    }
}
