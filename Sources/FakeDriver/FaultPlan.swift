// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel
internal import Synchronization

/// What a test asks to go wrong, or to take its time, in a ``FakeDriver``: per operation, per number of the call.
///
/// Calls of an operation are counted from 1 over all instances. What is not planned works at once.
public final class FaultPlan: Sendable {
    /// What a planned call does instead of working at once.
    public enum Misbehaviour: Sendable {
        /// Fails before it has any effect.
        case fail(ComputeFault)
        /// Has its effect and fails all the same, like a hypervisor whose answer got lost.
        case failAfterwards(ComputeFault)
        /// Fails when half of a long operation is done; a short one takes no notice.
        case failMidway(ComputeFault)
        /// Throws that it was cancelled, as a library does whose call another thread ended.
        case cancelled
        /// Works after a time of the driver's clock.
        case delay(Duration)
        /// Waits until it is released; see ``HangPoint``.
        case hang(HangPoint)
        /// Waits so when half of a long operation is done; a short one takes no notice.
        case hangMidway(HangPoint)
        /// A long operation takes so many steps, with a wait after each in which it can be cancelled; four without a
        /// wait are usual.
        case steps(Int, pause: Duration)
    }

    private struct Rule {
        let operation: DriverOperation
        let calls: ClosedRange<Int>
        let misbehaviour: Misbehaviour
    }

    private struct State {
        var rules: [Rule] = []
        var counts: [DriverOperation: Int] = [:]
    }

    private let state = Mutex(State())

    public init() {}

    /// Plans a misbehaviour for the `nth` call of an operation.
    public func plan(_ misbehaviour: Misbehaviour, for operation: DriverOperation, call nth: Int) {
        plan(misbehaviour, for: operation, calls: nth...nth)
    }

    /// Plans a misbehaviour for a range of calls, for every call by default.
    public func plan(
        _ misbehaviour: Misbehaviour, for operation: DriverOperation, calls: ClosedRange<Int> = 1...Int.max
    ) {
        state.withLock { $0.rules.append(Rule(operation: operation, calls: calls, misbehaviour: misbehaviour)) }
    }

    /// Plans that the `nth` call of an operation hangs, and returns the point at which it does.
    ///
    /// - Parameter isMidway: whether it hangs when half of a long operation is done, and not before it.
    public func hang(_ operation: DriverOperation, call nth: Int = 1, isMidway: Bool = false) -> HangPoint {
        let point = HangPoint()
        plan(isMidway ? .hangMidway(point) : .hang(point), for: operation, call: nth)
        return point
    }

    /// Forgets all plans; the counts go on.
    public func clear() {
        state.withLock { $0.rules.removeAll() }
    }

    /// How often any operation was called.
    public var calls: Int { state.withLock { $0.counts.values.reduce(0, +) } }

    /// How often an operation was called.
    public func calls(of operation: DriverOperation) -> Int {
        state.withLock { $0.counts[operation] ?? 0 }
    }

    /// Counts a call and says what it is to do, in the order in which it was planned.
    func next(_ operation: DriverOperation) -> [Misbehaviour] {
        state.withLock { state in
            let count = (state.counts[operation] ?? 0) + 1
            state.counts[operation] = count
            return state.rules.filter { $0.operation == operation && $0.calls.contains(count) }.map(\.misbehaviour)
        }
    }

    /// The points at which calls are planned to hang.
    var hangPoints: [HangPoint] {
        state.withLock { state in
            state.rules.compactMap { rule in
                switch rule.misbehaviour {
                case .hang(let point), .hangMidway(let point): point
                default: nil
                }
            }
        }
    }
}
