// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Logging
internal import WorkerStore

/// The one way from an operation to the services that it asks: every call has a time-out, is measured and, where it is
/// made for a journaled request, stands in the journal from before it is made.
///
/// A call is not given up for an interruption: whether it was done would not be known, and what is taken back then could
/// overtake it.
struct PeerCalls: Sendable {
    let services: ManagerServices
    /// The request for which the calls are made; nil where none is journaled.
    let entry: JournalEntry?

    /// The same services with every call to another made in this way.
    var peers: Peers {
        var peers = services.peers
        let asked = peers.asked
        if asked.isEmpty { return peers }
        if asked.contains(.network) { peers.network = AskedNetwork(port: peers.network, calls: self) }
        if asked.contains(.volumes) { peers.volumes = AskedVolumes(port: peers.volumes, calls: self) }
        if asked.contains(.consoleTokens) {
            peers.consoleTokens = AskedConsoleTokens(port: peers.consoleTokens, calls: self)
        }
        if asked.contains(.computes) { peers.computes = AskedComputes(port: peers.computes, calls: self) }
        return peers
    }

    /// Makes one call; what nobody answers in time ends as a fault that says so.
    func ask<Value: Sendable>(
        _ peer: PeerName, _ method: String, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        guard services.peers.asked.contains(peer) else { return try await body() }
        guard let id = entry?.id else { return try await measured(peer, method, body).get() }
        let number = try await services.write {
            try $0.beginPeerCall(id, peer: peer.rawValue, method: method)
        }
        let result = await measured(peer, method, body)
        if case .failure(let error) = result {
            // The worker stops: how it ended is not known, and the trace says nothing else.
            if error is CancellationError { throw error }
            services.logger.warning(
                "a call to another service brought no result",
                metadata: [
                    LogKey.peer: .string(peer.rawValue), LogKey.method: .string(method),
                    LogKey.error: .string("\(error)"),
                ])
        }
        let outcome = Self.words(result)
        try await services.write { try $0.endPeerCall(id, number, outcome: outcome) }
        return try result.get()
    }

    private func measured<Value: Sendable>(
        _ peer: PeerName, _ method: String, _ body: @escaping @Sendable () async throws -> Value
    ) async -> Result<Value, any Error> {
        var result = Result<Value, any Error>.failure(CancellationError())
        let elapsed = await services.clock.measure { result = await timed(peer, method, body) }
        let outcome =
            switch result {
            case .success: "ok"
            case .failure(let fault as ComputeFault): fault.kind.rawValue
            case .failure: "error"
            }
        services.peerMetrics.record(peer, method, outcome: outcome, elapsed)
        return result
    }

    private func timed<Value: Sendable>(
        _ peer: PeerName, _ method: String, _ body: @escaping @Sendable () async throws -> Value
    ) async -> Result<Value, any Error> {
        let limit = services.configuration.peerTimeout
        let (clock, instance) = (services.clock, entry?.instance)
        let result = await withTaskGroup(of: Result<Value, any Error>?.self) { group in
            group.addTask {
                do { return .success(try await body()) } catch { return .failure(error) }
            }
            group.addTask {
                do { try await clock.sleep(for: limit) } catch { return nil }
                return .failure(ComputeFault.noAnswer(of: peer, to: method, within: limit, instance: instance))
            }
            var first: Result<Value, any Error>?
            while let next = await group.next() {
                guard first == nil, let next else { continue }
                first = next
                group.cancelAll()
            }
            return first ?? .failure(CancellationError())
        }
        // What a stop of the worker cuts off is done again by the next start.
        if case .failure = result, Task.isCancelled { return .failure(CancellationError()) }
        return result
    }

    private static func words<Value>(_ result: Result<Value, any Error>) -> String {
        switch result {
        case .success: "ok"
        case .failure(let fault as ComputeFault): "\(fault.kind.rawValue): \(fault.message)"
        case .failure(let error): "error: \(type(of: error))"
        }
    }
}

extension OperationRun {
    /// The services that are asked, each call with its time-out and its trace in the journal.
    var peers: Peers { PeerCalls(services: services, entry: entry).peers }
}

extension ManagerServices {
    /// The services that are asked where no request is journaled: a call has its time-out and leaves no trace.
    var askedPeers: Peers { PeerCalls(services: self, entry: nil).peers }
}
