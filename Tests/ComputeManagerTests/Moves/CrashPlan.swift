// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Where a worker of a ``TwinWorld`` dies: at the n-th moment before or after something outside is asked or told.
final class CrashPlan: Sendable {
    private struct State {
        var count = 0
        var fatal: Int?
        var names: [String] = []
        var kill: @Sendable (String) -> Void = { _ in }
    }

    private let state = Mutex(State())

    /// How many moments there were.
    var count: Int { state.withLock { $0.count } }

    /// What the moments were, for whoever reads why a history failed.
    var names: [String] { state.withLock { $0.names } }

    /// Begins to count, and to end a host at that moment.
    func arm(at moment: Int?, kill: @escaping @Sendable (String) -> Void) {
        state.withLock { state in
            state.count = 0
            state.names = []
            state.fatal = moment
            state.kill = kill
        }
    }

    /// A moment of a host: returns, or never does.
    func pass(_ host: String, _ name: String) async {
        let kill = state.withLock { state -> (@Sendable (String) -> Void)? in
            state.count += 1
            state.names.append("\(host) \(name)")
            return state.count == state.fatal ? state.kill : nil
        }
        guard let kill else { return }
        kill(host)
        // What a dead process would do next does not happen: nothing comes until its host is cancelled.
        for await _ in AsyncStream<Void>(Void.self, { _ in }) {}
    }

    /// Something outside, with the moment before and the moment after.
    func around<Output>(
        _ host: String, _ name: String, _ body: () async throws -> Output
    ) async throws -> Output {
        await pass(host, "before \(name)")
        try Task.checkCancellation()
        let output = try await body()
        await pass(host, "after \(name)")
        try Task.checkCancellation()
        return output
    }
}
