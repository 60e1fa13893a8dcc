// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Logging
internal import WorkerStore

/// Serves the calls that only read: past the journal and the lanes, with slots of their own.
struct ReadOnlyCalls: Sendable {
    private let services: ManagerServices
    private let heartbeats: Heartbeats
    private let slots: Slots
    /// How long an answer is kept while the broker is away; callers wait a minute by default.
    private let patience = Duration.seconds(60)

    init(services: ManagerServices, heartbeats: Heartbeats) {
        self.services = services
        self.heartbeats = heartbeats
        slots = Slots(services.configuration.readSlots)
    }

    /// Answers one call; returns when the answer was sent or given up.
    func serve(_ message: IncomingMessage) async {
        guard await slots.take() else { return }
        defer { slots.give() }
        let address = (try? message.scan.get())?.reply
        heartbeats.begin(address)
        defer { heartbeats.end(address) }
        var request: RPCRequest?
        do {
            let decoded = try services.decoder.decode(message.body)
            request = decoded
            let result = try await services.dialects.readBinding(decoded).answer(decoded, from: services.driver)
            heartbeats.end(address)
            if let address { await send(services.encoder.reply(result, to: address)) }
        } catch is CancellationError {
            return
        } catch {
            heartbeats.end(address)
            await fail(Self.fault(error), request, address, method: (try? message.scan.get())?.method ?? "")
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
    private func fail(_ fault: ComputeFault, _ request: RPCRequest?, _ address: ReplyAddress?, method: String) async {
        services.logger.notice(
            "call failed",
            metadata: [
                LogKey.method: .string(method), LogKey.fault: .string(fault.kind.rawValue),
                LogKey.error: .string(fault.message),
            ])
        if let address { await send(services.encoder.failure(fault, to: address)) }
        guard let request else { return }
        let event = services.events.errorEvent(
            request.method, fault, arguments: request.arguments, context: request.context)
        let id = request.arguments["instance"]?["uuid"]?.string.flatMap { InstanceID($0) }
        let messages = services.encoder.notification(event).map {
            OutboxMessage($0, orderingKey: id?.description ?? "host", instance: id)
        }
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
            group.addTask { try? await services.clock.sleep(for: patience) }
            await group.next()
            group.cancelAll()
        }
    }
}
