// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel

extension FakeDriver: LifecycleEventDriver {
    public func lifecycleEvents() -> AsyncStream<LifecycleEvent> {
        let (stream, listener) = AsyncStream<LifecycleEvent>.makeStream(bufferingPolicy: .bufferingNewest(256))
        let number = state.withLock { state in
            state.listenersMade += 1
            state.listeners[state.listenersMade] = listener
            return state.listenersMade
        }
        listener.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.listeners.removeValue(forKey: number) }
        }
        return stream
    }
}

extension FakeDriver: OutageTellingDriver {
    public func outages() -> AsyncStream<String?> {
        let (stream, listener) = AsyncStream<String?>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state in
            listener.yield(state.outage)
            state.listenersMade += 1
            state.outageListeners[state.listenersMade] = listener
            return state.listenersMade
        }
        listener.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.outageListeners.removeValue(forKey: number) }
        }
        return stream
    }
}

extension FakeDriver: GuestWatchingDriver {
    public var unresponsiveGuests: Set<InstanceID> { state.withLock { $0.silent } }
}
