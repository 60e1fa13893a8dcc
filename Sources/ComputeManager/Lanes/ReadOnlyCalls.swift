// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Logging
internal import WorkerStore

/// Serves the calls that only read: past the journal and the lanes, with slots of their own.
struct ReadOnlyCalls: Sendable {
    private let services: ManagerServices
    private let heartbeats: Heartbeats
    private let slots: Slots
    /// How long an answer is kept while the broker is away or the caller's queue is missing: longer than the publisher
    /// tries a missing queue, so that it learns which callers are gone.
    static let patience = Duration.seconds(90)

    init(services: ManagerServices, heartbeats: Heartbeats) {
        self.services = services
        self.heartbeats = heartbeats
        slots = Slots(services.configuration.readSlots)
    }

    /// What a call came to.
    private enum Answer {
        case result(JSONValue)
        case failure(ComputeFault, RPCRequest?)
        /// The worker stops.
        case none
    }

    /// Answers one call; returns when the answer was sent or given up.
    func serve(_ message: IncomingMessage) async {
        // Without a summary there is no address to answer to; what is wrong with it shows where it is decoded.
        let summary: MessageSummary? = if case .success(let found) = message.scan { found } else { nil }
        let address = summary?.reply
        // Its caller waits from now on, whenever its turn comes.
        heartbeats.begin(address)
        defer { heartbeats.end(address) }
        guard await slots.take() else { return }
        let answer = await answer(message)
        // A reply may wait for long, for its broker or its caller; who asks next does not wait behind it.
        slots.give()
        heartbeats.end(address)
        switch answer {
        case .result(let result): if let address { await send(services.encoder.reply(result, to: address)) }
        case .failure(let fault, let request):
            await fail(fault, request, address, summary)
        case .none: break
        }
    }

    private func answer(_ message: IncomingMessage) async -> Answer {
        var request: RPCRequest?
        do {
            let decoded = try services.decoder.decode(message.body)
            request = decoded
            // A caller asks again as soon as he likes, and others want the slot.
            let context = ReadContext(
                driver: services.driver.withoutReconnection, consoles: services.configuration.consoles, identifiers: services.identifiers)
            return .result(try await services.dialects.readBinding(decoded).answer(decoded, in: context))
        } catch is CancellationError {
            return .none
        } catch {
            return .failure(Self.fault(error), request)
        }
    }

    private static func fault(_ error: any Error) -> ComputeFault {
        switch error {
        case let fault as ComputeFault: fault
        case let malformed as MalformedMessage: ComputeFault(.badArguments, malformed.detail)
        default: ComputeFault(.internalError, "An error of an unknown kind: \(type(of: error)).")
        }
    }

    /// Answers a failed call and tells of it as nova does.
    private func fail(
        _ fault: ComputeFault, _ request: RPCRequest?, _ address: ReplyAddress?, _ summary: MessageSummary?
    ) async {
        services.logger.about(
            request?.context, summary?.instance ?? fault.instance, requestID: summary?.requestID
        ).notice(
            "call failed",
            metadata: [
                LogKey.method: .string(summary?.method ?? ""), LogKey.fault: .string(fault.kind.rawValue),
                LogKey.error: .string(fault.message),
            ])
        if let address { await send(services.encoder.failure(fault, to: address)) }
        guard let request else { return }
        let event = services.events.errorEvent(
            request.method, fault, arguments: request.arguments, context: request.context)
        let id = request.arguments["instance"]?["uuid"]?.string.flatMap { InstanceID($0) }
        let messages = services.encoder.rows(of: event, orderingKey: id?.description ?? "host", instance: id)
        if messages.isEmpty { return }
        do {
            try await services.write { transaction in
                for message in messages { try transaction.enqueue(message) }
            }
        } catch {
            services.logger.error("the event of a failed call is lost", metadata: [LogKey.error: .string("\(error)")])
        }
    }

    private func send(_ frames: [WireMessage]) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for frame in frames {
                    do {
                        try await services.sink.publish(frame)
                    } catch {
                        services.logger.notice("a reply was not taken", metadata: [LogKey.error: .string("\(error)")])
                        return
                    }
                }
            }
            group.addTask { await services.clock.paused(for: Self.patience) }
            await group.next()
            group.cancelAll()
        }
    }
}
