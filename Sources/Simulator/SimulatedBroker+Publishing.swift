// SPDX-License-Identifier: Apache-2.0

internal import AMQP
internal import ComputeManager
internal import ComputeModel
internal import ComputeService
internal import OsloMessaging

extension SimulatedBroker {
    /// Messages that the broker could read now.
    var canRoute: Bool {
        isPublisherConnected && !isBlocked && publishes.contains { $0.answer == nil }
    }

    /// Messages of which the broker could now tell what became of them.
    var answerable: Int { isPublisherConnected ? publishes.count { $0.answer != nil } : 0 }

    func publish(
        _ message: WireMessage, ticket: Int, _ settle: @escaping (Result<Void, DeliveryFailure>) -> Void
    ) {
        publishes.append(Publish(ticket: ticket, message: message, settle: settle))
    }

    /// The publisher's task was cancelled: it waits no longer, whatever becomes of the message.
    func cancelPublish(_ ticket: Int) {
        guard let index = publishes.firstIndex(where: { $0.ticket == ticket }) else { return }
        publishes.remove(at: index).settle(.failure(.closed))
    }

    /// Reads the next message off the connection and brings it to its queues; refuses it where it is told so.
    func route(refusing: Bool = false) {
        guard let index = publishes.firstIndex(where: { $0.answer == nil }) else { return }
        if hasOtherTopology, publishes[index].message.exchange == "nova" {
            // What it names can't be declared.
            let refusal = PublishError.declarationRefused(code: 406, text: Self.inequivalent)
            publishes[index].answer = .failure(DeliveryFailure(refusal))
            return
        }
        publishes[index].answer = refusing ? .failure(.refused("simulated")) : take(publishes[index].message)
    }

    /// Tells what became of one of the messages that were read.
    func confirm(at choice: Int) {
        let indices = publishes.indices.filter { publishes[$0].answer != nil }
        guard choice < indices.count else { return }
        let publish = publishes.remove(at: indices[choice])
        guard let answer = publish.answer else { return }
        if case .failure(.unroutable) = answer { world.ledger.returned.append(publish.message) }
        publish.settle(answer)
    }

    /// The publisher's connection goes: some of what was sent was read, and of none does the worker hear.
    func disconnectPublisher(_ error: BrokerError = BrokerError(.socketFailed, "simulated: a socket error occurred")) {
        guard isPublisherConnected else { return }
        defer { publisherConnection?.wake(error) }
        isPublisherConnected = false
        isBlocked = false
        let unread = publishes.count { $0.answer == nil }
        for _ in 0..<world.dice.below(min(unread, 8) + 1) { route() }
        let lost = publishes.filter { $0.answer != nil }
        publishes.removeAll { $0.answer != nil }
        for publish in lost {
            if case .success? = publish.answer {
                world.faults.count(.confirmLost)
                if publish.message.kind == .cast { doubt(publish.message) }
            }
            publish.settle(.failure(.unavailable("the connection was lost")))
        }
    }

    /// The worker died: what it had written into its socket may still be read.
    func abandonPublishes() {
        if isPublisherConnected, !isBlocked {
            let unread = publishes.count { $0.answer == nil }
            for _ in 0..<world.dice.below(min(unread, 8) + 1) { route() }
        }
        let all = publishes
        publishes = []
        for publish in all {
            if case .success? = publish.answer {
                world.faults.count(.confirmLost)
                if publish.message.kind == .cast { doubt(publish.message) }
            }
            publish.settle(.failure(.closed))
        }
    }

    /// Brings a message to the queues that want it.
    private func take(_ message: WireMessage) -> Result<Void, DeliveryFailure> {
        if message.kind == .cast, message.routingKey.hasPrefix("compute.") { return forward(message) }
        let isWanted =
            switch message.kind {
            case .notification: hasListeners
            case .reply: !goneCallers.contains(message.routingKey)
            case .cast: hasScheduler
            case .deadLetter: true
            }
        guard isWanted else {
            if message.isMandatory { return .failure(.unroutable("simulated")) }
            world.ledger.returned.append(message)
            return .success(())
        }
        world.ledger.received.append(message)
        if message.kind == .cast, let wish = wish(of: message) {
            world.faults.count(.buildHandedBack)
            handedBack.append(wish)
        }
        return .success(())
    }

    /// Brings a cast to another compute there: into this worker's own queue, or to one that only takes it.
    private func forward(_ message: WireMessage) -> Result<Void, DeliveryFailure> {
        world.ledger.received.append(message)
        guard let request = try? MessageDecoder().decode(message.body) else { return .success(()) }
        guard message.routingKey == "compute.\(SimulatedWorker.host)" else {
            hear(request)
            return .success(())
        }
        if let known = world.ledger.wishes.firstIndex(where: { $0.body == message.body }) {
            // Sent again because its confirm was lost: known by the id that a worker gives it.
            submit(message.body, wish: known, isRetry: true)
        } else if let id = request.arguments["instance"]?["uuid"]?.string.flatMap({ InstanceID($0) }),
            let method = Wish.Method(rawValue: request.method)
        {
            let number = world.ledger.wishes.count
            world.note("wish \(number): \(request.method) \(id), which the worker asks of itself")
            world.ledger.wishes.append(
                Wish(
                    number: number, method: method, instance: id, form: request.form,
                    requestID: request.context.requestID ?? "", messageID: nil, body: message.body, mayGoBack: false))
            submit(message.body, wish: number)
        }
        return .success(())
    }

    /// The other host does what it is told by a cast.
    private func hear(_ request: RPCRequest) {
        guard let id = request.arguments["instance"]?["uuid"]?.string.flatMap({ InstanceID($0) }) else { return }
        let books = world.peers
        switch request.method {
        case "terminate_instance": if let id = request.context.requestID { world.ledger.passedOn.insert(id) }
        case "post_live_migration_at_destination" where books.arrived.contains(id): books.told.insert(id)
        case "rollback_live_migration_at_destination" where books.arrived.contains(id) && !books.told.contains(id):
            world.violate(.oneHost, "what was made for \(id) is to be removed where its guest is")
        default: break
        }
    }

    private func doubt(_ message: WireMessage) {
        if let wish = wish(of: message) { world.ledger.doubtfulCasts.insert(wish) }
    }

    /// The wish that a cast to the scheduler came from.
    private func wish(of message: WireMessage) -> Int? {
        guard let request = try? MessageDecoder().decode(message.body) else { return nil }
        return world.ledger.wishes.first { $0.requestID == request.context.requestID }?.number
    }
}
