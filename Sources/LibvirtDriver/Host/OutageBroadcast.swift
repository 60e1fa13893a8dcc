// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Tells everyone who listens whether the hypervisor can be asked; each stream begins with how it is now.
final class OutageBroadcast: Sendable {
    private struct State {
        /// Nobody knows before the first attempt.
        var current: String?
        var listeners: [Int: AsyncStream<String?>.Continuation] = [:]
        var made = 0
    }

    private let state = Mutex(State())

    func stream() -> AsyncStream<String?> {
        let (stream, continuation) = AsyncStream<String?>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state in
            state.made += 1
            state.listeners[state.made] = continuation
            // Under the lock, so that a change that comes at once is the later one.
            continuation.yield(state.current)
            return state.made
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.listeners.removeValue(forKey: number) }
        }
        return stream
    }

    /// - Parameter outage: why it can't be asked; nil where it can.
    func send(_ outage: String?) {
        state.withLock { state in
            guard state.current != outage else { return }
            state.current = outage
            for listener in state.listeners.values { listener.yield(outage) }
        }
    }
}
