// SPDX-License-Identifier: Apache-2.0

internal import AMQP
internal import ComputeModel
internal import Logging
internal import OsloMessaging

extension Program {
    /// How long a command waits for the broker before it gives up.
    private static let patience = Duration.seconds(30)

    /// Sends a request that nobody answers; returns when the broker has confirmed it.
    ///
    /// - Throws: ``ProgramFailure`` where no queue took it or the broker can't be reached.
    public static func cast(_ request: ToolRequest, _ configuration: LoadedConfiguration) async throws -> ToolOutput {
        let target = request.target(configuration.worker)
        try await withClient(request.form, configuration) { client in
            do throws(RPCError) {
                try await client.cast(request.outgoing, to: target, isMandatory: true, deadline: .now + patience)
            } catch {
                throw ProgramFailure(error, target)
            }
        }
        return ToolOutput(
            text: "\(request.method) sent to \(target.words)",
            json: JSONWriter.text(["sent": true, "method": .string(request.method), "to": .string(target.words)]))
    }

    /// Calls a method and returns its result.
    ///
    /// - Parameter timeout: nil for `rpc_response_timeout`.
    /// - Throws: ``ProgramFailure``: the method's own failure with its class, or why no answer came.
    public static func call(
        _ request: ToolRequest, timeout: Duration?, _ configuration: LoadedConfiguration
    ) async throws -> ToolOutput {
        let target = request.target(configuration.worker)
        let timeout = timeout ?? configuration.worker.messaging.responseTimeout
        let result = try await withClient(request.form, configuration) { client in
            do throws(RPCError) {
                return try await client.call(request.outgoing, to: target, timeout: timeout, isMandatory: true)
            } catch {
                throw ProgramFailure(error, target)
            }
        }
        return ToolOutput(
            text: result.string ?? JSONWriter.text(result), json: JSONWriter.text(["result": result]))
    }

    /// Follows the notifications; returns after `filter.count` of them, or when the task is cancelled.
    ///
    /// What can't be read as a notification is told on standard error and skipped.
    public static func events(
        _ filter: EventFilter, _ configuration: LoadedConfiguration, show: (ToolOutput) -> Void
    ) async throws {
        if let instance = filter.instance, InstanceID(instance) == nil {
            throw ProgramFailure(.usage, "--instance: '\(instance)' is no uuid")
        }
        let worker = configuration.worker
        let url = worker.notifications.transportURL ?? worker.messaging.transportURL
        let listener = NotificationListener(
            configuration: try broker(url, worker, purpose: "events"),
            topology: RPCTopology(
                options: TopologyOptions(worker.messaging), notificationTopics: worker.notifications.topics),
            logger: quietLogger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await listener.run() }
            group.addTask { await tellStates(of: listener.states) }
            var seen = 0
            while let batch = await listener.nextBatch() {
                for outcome in batch {
                    switch outcome {
                    case .failure(let fault): tell("skipped a message that is no notification: \(fault)")
                    case .success(let notification) where filter.admits(notification):
                        show(ToolOutput(notification))
                        seen += 1
                        if seen == filter.count { return }
                    case .success: break
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Says when the stream begins and when it is interrupted: events that are sent meanwhile are not seen.
    private static func tellStates(of states: AsyncStream<ConnectionState>) async {
        for await state in states {
            switch state {
            case .ready: tell("listening")
            case .lost(let error, let delay): tell("connection lost (\(error)); next attempt in \(delay)")
            case .idle, .connecting, .blocked, .closed: break
            }
        }
    }

    private static func withClient<Result: Sendable>(
        _ form: WireForm, _ configuration: LoadedConfiguration,
        _ body: @escaping @Sendable (RPCClient) async throws -> Result
    ) async throws -> Result {
        let messaging = configuration.worker.messaging
        let client = RPCClient(
            configuration: try broker(messaging.transportURL, configuration.worker, purpose: "tool"),
            topology: RPCTopology(options: TopologyOptions(messaging)), form: form, logger: quietLogger)
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                try await client.run()
                return nil
            }
            group.addTask {
                try await awaitConnection(of: client)
                return nil
            }
            group.addTask { try await body(client) }
            while let result = try await group.next() {
                if let result { return result }
            }
            throw CancellationError()
        }
    }

    /// Returns when there is a connection; gives up, with the cause, when each broker was tried once in vain: somebody
    /// waits before the screen.
    private static func awaitConnection(of client: RPCClient) async throws {
        for await state in client.states {
            switch state {
            case .ready, .blocked: return
            case .lost(let error, retryIn: let delay) where delay > .zero:
                throw ProgramFailure(.unavailable, BrokerAdvice.sentence(for: error))
            case .idle, .connecting, .lost, .closed: break
            }
        }
    }

    private static func broker(
        _ url: Secret<String>, _ worker: WorkerConfiguration, purpose: String
    ) throws -> BrokerConfiguration {
        do {
            return try BrokerConfiguration(url, worker.messaging.connection, purpose: purpose)
        } catch {
            throw ProgramFailure(.configuration, "\(error)")
        }
    }

    /// Commands tell their own story; what the connection logs below a warning is not part of it.
    private static var quietLogger: Logger {
        Logger(label: "amqp") { label in
            WorkerLogHandler(
                label: label, level: .warning, usesJSON: false, output: LogOutput(), clock: SystemWallClock())
        }
    }
}

extension ToolRequest {
    fileprivate var outgoing: OutgoingRequest {
        OutgoingRequest(method: method, version: version, arguments: arguments, context: context)
    }

    fileprivate func target(_ worker: WorkerConfiguration) -> RPCTarget {
        let topic = topic ?? worker.messaging.topic
        if isFanout { return .fanout(topic: topic) }
        return server.map { .server(topic: topic, server: $0) } ?? .any(topic: topic)
    }
}

extension RPCTarget {
    fileprivate var words: String {
        switch self {
        case .any(let topic): topic
        case .server(let topic, let server): "\(topic).\(server)"
        case .fanout(let topic): "every worker of \(topic)"
        }
    }
}

extension ProgramFailure {
    fileprivate init(_ error: RPCError, _ target: RPCTarget) {
        switch error {
        case .remote(let exception): self.init(.failed, "\(exception)")
        case .timedOut:
            self.init(.timeout, "\(error): is a worker running for \(target.words)? More time: --timeout")
        case .undelivered(.returned):
            self.init(.unavailable, "no queue took the message: no worker has consumed \(target.words) yet")
        case .undelivered(.deadlineExceeded(mayHaveBeenDelivered: let mayBeThere)):
            let rest = mayBeThere ? "it may have it all the same" : "it was not sent"
            self.init(.unavailable, "the broker did not confirm the message in time; \(rest)")
        case .undelivered(let error): self.init(.unavailable, "\(error): see the broker's log")
        case .malformedReply, .closed: self.init(.unavailable, "\(error)")
        }
    }
}
