// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Tells any number of listeners what a connection is doing; each begins with the present state.
public final class StateBroadcaster: Sendable {
    private struct State {
        var current = ConnectionState.idle
        var listeners: [Int: AsyncStream<ConnectionState>.Continuation] = [:]
        var nextID = 0
    }

    private let state = Mutex(State())

    public init() {}

    public var current: ConnectionState { state.withLock { $0.current } }

    /// A listener that does not keep up loses the oldest states, never the newest.
    public func stream() -> AsyncStream<ConnectionState> {
        AsyncStream(bufferingPolicy: .bufferingNewest(64)) { continuation in
            let id = state.withLock { state in
                state.nextID += 1
                continuation.yield(state.current)
                if state.current == .closed {
                    continuation.finish()
                } else {
                    state.listeners[state.nextID] = continuation
                }
                return state.nextID
            }
            continuation.onTermination = { [weak self] _ in
                self?.state.withLock { state in
                    _ = state.listeners.removeValue(forKey: id)
                }
            }
        }
    }

    public func send(_ new: ConnectionState) {
        let listeners = state.withLock { state in
            guard state.current != new else { return [AsyncStream<ConnectionState>.Continuation]() }
            state.current = new
            let listeners = state.listeners.sorted { $0.key < $1.key }.map(\.value)
            if new == .closed { state.listeners.removeAll() }
            return listeners
        }
        for listener in listeners {
            listener.yield(new)
            if new == .closed { listener.finish() }
        }
    }
}
