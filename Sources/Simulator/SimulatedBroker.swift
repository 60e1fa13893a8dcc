// SPDX-License-Identifier: Apache-2.0

internal import AMQP
internal import ComputeManager
internal import ComputeModel
internal import OsloMessaging

/// A broker with a durable queue for the worker, confirms, returns, and everything that goes wrong with brokers.
///
/// @unchecked Sendable because only the thread of the simulation touches it.
final class SimulatedBroker: @unchecked Sendable {
    struct Message {
        /// Its place among all messages of the history; one that is given back goes to its place.
        let number: Int
        let body: [UInt8]
        var isRedelivered = false
    }

    /// What the worker told about a message that it was handed.
    enum Verdict { case acknowledge, requeue, drop }

    private struct Answer {
        let connection: UInt64
        let number: UInt64
        let verdict: Verdict
    }

    private static let prefetch = 24
    private static let scanner = MessageScanner()

    let world: World
    private(set) var queue: [Message] = []
    private var unacked: [(number: UInt64, message: Message)] = []
    /// What the worker said and the broker has not heard yet.
    private var answers: [Answer] = []
    private var connection: UInt64 = 0
    /// Grows whenever what was handed out may come again.
    private var epoch: UInt64 = 0
    private var tags: UInt64 = 0
    private(set) var isConsumerConnected = false
    /// The consumer is gone while its connection lives on.
    private var isCancelled = false
    /// Nothing gets through to the consumer, nor from it, and neither side knows.
    private(set) var isDeaf = false
    /// Whether anybody can connect.
    var isUp = true
    /// Whether the worker's password is a wrong one now.
    var refusesLogin = false
    /// Whether somebody declared the exchanges and queues with other properties.
    var hasOtherTopology = false
    /// Who else has the host.
    var holder: Holder?
    /// Where workers wait for an answer, by the names of the queues.
    var inboxes: [String: SimulatedInbox] = [:]
    /// The present worker's connections.
    private(set) var consumerConnection: SimulatedConnection?
    private(set) var publisherConnection: SimulatedConnection?
    /// The worker that consumes.
    private(set) var consumer: SimulatedSource?

    // The way out; see `SimulatedBroker+Publishing`.
    struct Publish {
        let ticket: Int
        let message: WireMessage
        /// Tells the worker what became of it.
        let settle: (Result<Void, DeliveryFailure>) -> Void
        /// What the broker will say; nil while it has not read the message.
        var answer: Result<Void, DeliveryFailure>?
    }

    var publishes: [Publish] = []
    var tickets = 0
    var isPublisherConnected = false
    var isBlocked = false
    var hasListeners = true
    var hasScheduler = true
    /// Callers whose reply queues are gone.
    var goneCallers: Set<String> = []
    /// Builds that came back and wait for the scheduler's decision.
    var handedBack: [Int] = []

    init(world: World) { self.world = world }

    // MARK: What others put into the queue

    func submit(_ body: [UInt8], wish: Int, isRetry: Bool = false) {
        queue.append(Message(number: world.ledger.transits.count, body: body))
        world.ledger.transits.append(Ledger.Transit(wish: wish, isRetry: isRetry))
    }

    // MARK: The consumer

    /// Whether nothing is queued, handed out or waiting to be heard.
    var isEmpty: Bool { queue.isEmpty && unacked.isEmpty && answers.isEmpty }

    var canDeliver: Bool {
        guard isConsumerConnected, !isCancelled, !isDeaf, let consumer, !consumer.isPaused else { return false }
        return !queue.isEmpty && unacked.count < Self.prefetch
    }

    var hasAnswers: Bool { !answers.isEmpty && !isDeaf }

    func attach(_ source: SimulatedSource, _ consuming: SimulatedConnection, _ publishing: SimulatedConnection) {
        consumer = source
        connection = 0
        (consumerConnection, publisherConnection) = (consuming, publishing)
    }

    func connectConsumer() {
        guard isUp, consumer != nil, !isConsumerConnected else { return }
        connection += 1
        epoch += 1
        isConsumerConnected = true
    }

    /// Hands the first message of the queue to the worker's buffer.
    func deliver() {
        guard canDeliver, let consumer else { return }
        let message = queue.removeFirst()
        tags += 1
        unacked.append((tags, message))
        if message.isRedelivered {
            world.faults.count(.redelivery)
            world.ledger.transits[message.number].redeliveries += 1
        }
        let wish = world.ledger.transits[message.number].wish
        world.note("deliver message \(message.number), wish \(wish)\(message.isRedelivered ? ", again" : "")")
        consumer.receive(
            IncomingMessage(
                token: AcknowledgementToken(generation: connection, number: tags), epoch: epoch, body: message.body,
                size: message.body.count, isRedelivered: message.isRedelivered,
                scan: Self.scanner.scan(message.body)))
    }

    func answer(_ token: AcknowledgementToken, _ verdict: Verdict) {
        // What came over an earlier connection is in the queue again.
        guard token.generation == connection, isConsumerConnected else { return }
        answers.append(Answer(connection: connection, number: token.number, verdict: verdict))
    }

    /// Hears the first thing that the worker said.
    func hearAnswer() {
        let answer = answers.removeFirst()
        guard let index = unacked.firstIndex(where: { $0.number == answer.number }) else { return }
        let message = unacked.remove(at: index).message
        world.note("\(answer.verdict) message \(message.number)")
        if answer.verdict == .requeue { requeue([message]) }
    }

    /// Takes back what lies in the worker's buffer unread.
    func takeBack(_ tokens: [AcknowledgementToken]) {
        let numbers = tokens.map(\.number)
        let back = unacked.filter { numbers.contains($0.number) }.map(\.message)
        unacked.removeAll { numbers.contains($0.number) }
        requeue(back)
    }

    private func requeue(_ messages: [Message]) {
        for var message in messages {
            message.isRedelivered = true
            let place = queue.firstIndex { $0.number > message.number } ?? queue.endIndex
            queue.insert(message, at: place)
        }
    }

    /// The consumer's connection goes: some of what the worker said was heard, everything else is delivered again.
    func disconnectConsumer(_ error: BrokerError = BrokerError(.socketFailed, "simulated: a socket error occurred")) {
        guard isConsumerConnected else { return }
        defer { consumerConnection?.wake(error) }
        hearSome()
        isConsumerConnected = false
        isCancelled = false
        isDeaf = false
        consumer?.dropBuffer()
        let back = unacked.map(\.message)
        unacked = []
        requeue(back)
    }

    private func hearSome() {
        for _ in 0..<(isDeaf ? 0 : world.dice.below(answers.count + 1)) { hearAnswer() }
        answers = []
    }

    /// The queue moves to another node, say: the connection lives on, some of what the worker said was heard, and
    /// everything else is delivered again, beside what the worker has already.
    func cancelConsumer() {
        guard isConsumerConnected else { return }
        hearSome()
        isCancelled = true
        epoch += 1
        let back = unacked.map(\.message)
        unacked = []
        requeue(back)
    }

    func consumeAgain() { isCancelled = false }

    func goDeaf() { isDeaf = isConsumerConnected }

    /// The worker has found out, and connects anew.
    func renewConsumer() {
        guard isDeaf else { return }
        disconnectConsumer(BrokerError(.givenUp, "simulated: what we send to ourselves does not come back"))
    }

    /// The worker is gone, or closes its connection.
    func detach(_ source: SimulatedSource) {
        guard consumer === source else { return }
        consumerConnection?.close()
        disconnectConsumer()
        consumer = nil
    }

    /// An orderly goodbye: everything that the worker said is heard first.
    func detachOrderly(_ source: SimulatedSource) {
        guard consumer === source else { return }
        while hasAnswers { hearAnswer() }
        detach(source)
    }
}
