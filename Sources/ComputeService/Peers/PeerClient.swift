// SPDX-License-Identifier: Apache-2.0

internal import AMQP
internal import ComputeManager
internal import ComputeModel
internal import OsloMessaging

/// The worker's way to other services over the broker: one client for all of them, connected when somebody is asked
/// first.
final class PeerClient: Sendable {
    private let client: RPCClient
    private let timeout: Duration
    private let wishes: AsyncStream<Void>
    private let wish: AsyncStream<Void>.Continuation

    /// - Parameter timeout: how long a call waits for its answer.
    init(client: RPCClient, timeout: Duration) {
        self.client = client
        self.timeout = timeout
        (wishes, wish) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Keeps the connections from the first call on until the task is cancelled.
    func run() async throws {
        for await _ in wishes { break }
        try Task.checkCancellation()
        try await client.run()
    }

    /// Asks and waits for the answer.
    func call(
        _ peer: PeerName, _ target: RPCTarget, _ method: String, version: String? = nil, _ arguments: JSONObject,
        _ context: RequestContext
    ) async throws -> JSONValue {
        wish.yield()
        let request = OutgoingRequest(method: method, version: version, arguments: arguments, context: context)
        do {
            // Mandatory: where nobody has a queue nobody answers, which who asks is to learn at once.
            return try await client.call(request, to: target, timeout: timeout, isMandatory: true)
        } catch {
            throw ComputeFault(error, of: peer, target, method, within: timeout, context)
        }
    }

    /// Sends what nobody answers.
    func cast(
        _ peer: PeerName, _ target: RPCTarget, _ method: String, version: String? = nil, _ arguments: JSONObject,
        _ context: RequestContext
    ) async throws {
        wish.yield()
        let request = OutgoingRequest(method: method, version: version, arguments: arguments, context: context)
        do {
            // Mandatory: a cast that reaches no queue would otherwise be lost without a word.
            try await client.cast(request, to: target, isMandatory: true, deadline: .now + timeout)
        } catch {
            throw ComputeFault(error, of: peer, target, method, within: timeout, context)
        }
    }
}

extension ComputeFault {
    /// What an unanswered or failed call to a peer is to the one who asked, without anything that was sent.
    fileprivate init(
        _ error: RPCError, of peer: PeerName, _ target: RPCTarget, _ method: String, within timeout: Duration,
        _ context: RequestContext
    ) {
        switch error {
        case .timedOut: self = .noAnswer(of: peer, to: method, within: timeout)
        case .remote(let exception):
            let fault = exception.fault
            // An exception that is not nova's own may quote a command line or its arguments.
            guard exception.isNovas, !Self.quotesToken(fault, context) else {
                self.init(
                    .internalError,
                    "The \(peer) service failed in \(method) with \(exception.name.prefix(100)); its log says more.",
                    isRetriable: true)
                return
            }
            self.init(
                fault.kind, "The \(peer) service refused \(method): \(fault.message)", instance: fault.instance,
                arguments: fault.arguments, isRetriable: fault.isRetriable)
        case .undelivered(.returned):
            self.init(
                .unavailable,
                "The \(peer) service could not be asked for \(method): nobody listens on \(target.queueName).")
        case .undelivered(let failure):
            self.init(.unavailable, "The \(peer) service could not be asked for \(method): \(failure)")
        case .malformedReply:
            self.init(.internalError, "The answer of the \(peer) service to \(method) can't be read.")
        case .closed:
            self.init(.unavailable, "The \(peer) service could not be asked for \(method): the worker stops.")
        }
    }

    private static func quotesToken(_ fault: ComputeFault, _ context: RequestContext) -> Bool {
        guard let token = context.authToken?.reveal(), !token.isEmpty else { return false }
        return fault.message.contains(token)
    }
}
