// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// A hypervisor in memory: the whole contract without a guest, with faults and delays that a test can ask for.
///
/// Power states are those that libvirt shows: a guest that is off is `shutdown`, and so is one that is suspended.
/// Guests live as long as the driver value, so a test that "restarts the worker" keeps the value and makes a new
/// manager. Drivers of one ``FakeCluster`` are hosts between which guests can move.
public final class FakeDriver: Sendable {
    typealias State = FakeHostState.State

    let state = FakeHostState()
    let hostname: String
    let address: String
    let cluster: FakeCluster
    let files: FakeFiles
    private let clock: any Clock<Duration>
    /// What goes wrong, and when.
    public let faults: FaultPlan

    /// - Parameters:
    ///   - hostname: the name of the hypervisor in ``hostResources()``, and of the host in its cluster.
    ///   - address: what ``hostAddress()`` tells.
    ///   - clock: what planned delays are measured by.
    ///   - cluster: the hosts to which guests can move; by default a cluster of this one alone.
    ///   - files: where snapshots are written.
    public init(
        hostname: String = "fake-mini", address: String = "127.0.0.1", faults: FaultPlan = FaultPlan(),
        clock: any Clock<Duration> = ContinuousClock(), cluster: FakeCluster = FakeCluster(),
        files: FakeFiles = .system
    ) {
        self.hostname = hostname
        self.address = address
        self.faults = faults
        self.clock = clock
        self.cluster = cluster
        self.files = files
        cluster.join(state, as: hostname)
    }

    /// Runs an operation by plan: delays, hangs and failures first, then the effect.
    func perform<Output: Sendable>(
        _ operation: DriverOperation, on instance: InstanceID? = nil,
        _ effect: (inout State) throws(ComputeFault) -> Output
    ) async throws -> Output {
        let call = try await begin(operation, on: instance)
        let output = try state.withLock { state throws(ComputeFault) in try effect(&state) }
        if let fault = call.afterwards { throw fault }
        return output
    }

    /// Runs a long operation by plan: it tells its progress in steps, between which it can fail, hang or be cancelled;
    /// then what was begun is undone.
    func transfer<Output: Sendable>(
        _ operation: DriverOperation, on instance: InstanceID? = nil, amount: ByteCount,
        progress: ProgressReporter = .silent,
        begin first: (inout State) throws(ComputeFault) -> Void = { _ in }, undo: (inout State) -> Void = { _ in },
        between: (inout State) throws(ComputeFault) -> Bool = { _ in true },
        finish: (inout State) throws(ComputeFault) -> Output, elsewhere: (Output) -> Void = { _ in }
    ) async throws -> Output {
        let call = try await begin(operation, on: instance)
        try state.withLock { state throws(ComputeFault) in try first(&state) }
        let output: Output
        do {
            for step in 0..<call.steps {
                progress.report(.init(done: amount.part(step, of: call.steps), total: amount))
                if step == call.steps / 2 {
                    for point in call.midway { try await point.wait(for: instance) }
                    if let fault = call.failsMidway { throw fault }
                }
                let goesOn = try state.withLock { state throws(ComputeFault) in try between(&state) }
                if goesOn, call.pause > .zero { try await clock.sleep(for: call.pause) }
                try Task.checkCancellation()
            }
            output = try state.withLock { state throws(ComputeFault) in
                _ = try between(&state)
                return try finish(&state)
            }
        } catch {
            state.withLock { undo(&$0) }
            throw error
        }
        // Another host's lock is never taken under this one's.
        elsewhere(output)
        progress.report(.init(done: amount, total: amount))
        if let fault = call.afterwards { throw fault }
        return output
    }

    /// What a call that has begun still has before it.
    private struct Call {
        var afterwards: ComputeFault?
        var failsMidway: ComputeFault?
        var midway: [HangPoint] = []
        var steps = 4
        var pause = Duration.zero
    }

    private func begin(_ operation: DriverOperation, on instance: InstanceID?) async throws -> Call {
        var call = Call()
        for misbehaviour in faults.next(operation) {
            switch misbehaviour {
            case .fail(let fault): throw fault
            case .failAfterwards(let fault): call.afterwards = fault
            case .failMidway(let fault): call.failsMidway = fault
            case .cancelled: throw CancellationError()
            case .delay(let duration): try await clock.sleep(for: duration)
            case .hang(let point): try await point.wait(for: instance)
            case .hangMidway(let point): call.midway.append(point)
            case .steps(let count, let pause): (call.steps, call.pause) = (max(1, count), pause)
            }
        }
        try state.withLock { state throws(ComputeFault) in try state.requireAnswer(to: operation, instance) }
        return call
    }
}

extension FakeHostState.State {
    /// Fails what a hypervisor that is away, or a guest that does not answer, could not do.
    fileprivate func requireAnswer(to operation: DriverOperation, _ instance: InstanceID?) throws(ComputeFault) {
        if let outage { throw ComputeFault(.unavailable, "The hypervisor is away: \(outage).", instance: instance) }
        guard let instance, silent.contains(instance), operation != .destroy, operation != .reboot else { return }
        throw ComputeFault(.timeout, "The guest does not answer; a hard reboot or a delete helps.", instance: instance)
    }
}

extension ByteCount {
    fileprivate func part(_ step: Int, of steps: Int) -> ByteCount {
        ByteCount(bytes: bytes / Int64(steps) * Int64(step))
    }
}
