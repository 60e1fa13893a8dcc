// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import Synchronization

/// Hands each lifecycle event to every stream that somebody listens to.
final class LifecycleBroadcast: Sendable {
    private static let buffered = 1024

    private struct State {
        var listeners: [Int: AsyncStream<LifecycleEvent>.Continuation] = [:]
        var made = 0
    }

    private let state = Mutex(State())

    func stream() -> AsyncStream<LifecycleEvent> {
        let (stream, continuation) = AsyncStream<LifecycleEvent>.makeStream(
            bufferingPolicy: .bufferingNewest(Self.buffered))
        let number = state.withLock { state in
            state.made += 1
            state.listeners[state.made] = continuation
            return state.made
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.listeners.removeValue(forKey: number) }
        }
        return stream
    }

    func send(_ event: LifecycleEvent) {
        let listeners = state.withLock { Array($0.listeners.values) }
        for listener in listeners {
            // What fell out of the buffer is not known any more; the states are.
            if case .dropped = listener.yield(event) { listener.yield(.resynchronize) }
        }
    }
}
