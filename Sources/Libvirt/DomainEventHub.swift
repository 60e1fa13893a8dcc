// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Lets a caller wait for the event that its own call will bring about.
public final class DomainEventHub: Sendable {
    private let expectations = Mutex<[ObjectIdentifier: Expectation]>([:])

    public init() {}

    /// Begins to wait: to be asked before the call that brings the event about, so that the event can't be missed.
    public func expect(_ kinds: Set<DomainEvent.Kind>, of uuid: String) -> Expectation {
        let expectation = Expectation(uuid: uuid, kinds: kinds, hub: self)
        expectations.withLock { $0[ObjectIdentifier(expectation)] = expectation }
        return expectation
    }

    /// Hands an event to those who wait for it.
    public func deliver(_ event: DomainEvent) {
        let waiting = expectations.withLock { expectations in
            expectations.values.filter { $0.uuid == event.uuid && $0.kinds.contains(event.kind) }
        }
        for expectation in waiting { expectation.settle(.success(event)) }
    }

    /// Tells all who wait that their event may never be heard of.
    public func fail(_ error: LibvirtError) {
        let waiting = expectations.withLock { Array($0.values) }
        for expectation in waiting { expectation.settle(.failure(error)) }
    }

    fileprivate func forget(_ expectation: Expectation) {
        expectations.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(expectation)) }
    }

    /// The wait for one event.
    public final class Expectation: Sendable {
        private enum State {
            case open
            case awaited(CheckedContinuation<Result<DomainEvent, LibvirtError>, Never>)
            case settled(Result<DomainEvent, LibvirtError>)
        }

        fileprivate let uuid: String
        fileprivate let kinds: Set<DomainEvent.Kind>
        private let hub: DomainEventHub
        private let state = Mutex(State.open)

        fileprivate init(uuid: String, kinds: Set<DomainEvent.Kind>, hub: DomainEventHub) {
            self.uuid = uuid
            self.kinds = kinds
            self.hub = hub
        }

        /// Ends a wait that is not needed any more; every expectation needs this or ``event(within:)``.
        public func cancel() {
            settle(.failure(LibvirtError(.cancelled, operation: "event", message: "nobody waits for the event")))
        }

        /// The event, which may have come already; for one caller.
        ///
        /// - Throws: ``LibvirtError`` of kind `timeout`, `disconnected` or `cancelled`.
        public func event(within deadline: Duration) async throws(LibvirtError) -> DomainEvent {
            let timer = DeadlineWatch.shared.schedule(after: deadline) { [self] in
                settle(
                    .failure(
                        LibvirtError(
                            .timeout, operation: "event",
                            message: "none of the awaited events (\(words)) came within \(deadline)")))
            }
            defer { DeadlineWatch.shared.cancel(timer) }
            let result = await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let settled: Result<DomainEvent, LibvirtError>? = state.withLock { state in
                        if case .settled(let result) = state { return result }
                        state = .awaited(continuation)
                        return nil
                    }
                    if let settled { continuation.resume(returning: settled) }
                }
            } onCancel: {
                cancel()
            }
            return try result.get()
        }

        private var words: String { kinds.map { "\($0)" }.sorted().joined(separator: ", ") }

        /// Answers, or keeps the answer for when it is asked for; the first answer stands.
        fileprivate func settle(_ result: Result<DomainEvent, LibvirtError>) {
            let waiting: CheckedContinuation<Result<DomainEvent, LibvirtError>, Never>? = state.withLock { state in
                switch state {
                case .open:
                    state = .settled(result)
                    return nil
                case .awaited(let continuation):
                    state = .settled(result)
                    return continuation
                case .settled: return nil
                }
            }
            hub.forget(self)
            waiting?.resume(returning: result)
        }
    }
}
