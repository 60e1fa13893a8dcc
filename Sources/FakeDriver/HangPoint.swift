// SPDX-License-Identifier: Apache-2.0

public import ComputeModel
internal import Synchronization

/// A place where a driver call waits until a test, or a destroy of its instance, lets it go.
///
/// It takes no notice of cancellation, like a call into a C library.
public final class HangPoint: Sendable {
    private struct State {
        var outcome: ComputeFault??
        var instance: InstanceID?
        var isReached = false
        var sleeper: CheckedContinuation<ComputeFault?, Never>?
        var watchers: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    public init() {}

    /// Lets the call go on, now or as soon as it comes here; with a fault it fails.
    public func release(throwing fault: ComputeFault? = nil) {
        let sleeper = state.withLock { state -> CheckedContinuation<ComputeFault?, Never>? in
            guard state.outcome == nil else { return nil }
            state.outcome = .some(fault)
            defer { state.sleeper = nil }
            return state.sleeper
        }
        sleeper?.resume(returning: fault)
    }

    /// Returns when a call hangs here.
    public func reached() async {
        await withCheckedContinuation { watcher in
            let isReached = state.withLock { state in
                if !state.isReached { state.watchers.append(watcher) }
                return state.isReached
            }
            if isReached { watcher.resume() }
        }
    }

    /// The instance whose call hangs here now.
    var hangingInstance: InstanceID? {
        state.withLock { $0.sleeper == nil ? nil : $0.instance }
    }

    /// Waits until it is released, or until the guest of `instance` is destroyed.
    public func wait(for instance: InstanceID? = nil) async throws {
        let fault = await withCheckedContinuation { (sleeper: CheckedContinuation<ComputeFault?, Never>) in
            let (outcome, watchers) = state.withLock { state -> (ComputeFault??, [CheckedContinuation<Void, Never>]) in
                state.isReached = true
                state.instance = instance
                if state.outcome == nil { state.sleeper = sleeper }
                defer { state.watchers = [] }
                return (state.outcome, state.watchers)
            }
            for watcher in watchers { watcher.resume() }
            if let outcome { sleeper.resume(returning: outcome) }
        }
        if let fault { throw fault }
    }
}
