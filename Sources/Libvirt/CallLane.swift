// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// A bounded set of named threads for calls that block, each with a deadline.
///
/// A call that is overdue is answered with a timeout at once. Its thread is counted as lost until the call returns, and
/// is replaced meanwhile by one of a bounded number of spare threads, so that a hypervisor that hangs takes the lane's
/// callers their time but neither Swift's cooperative pool nor, while there are spares, the lane.
public final class CallLane: Sendable {
    /// What a lane is doing.
    public struct Statistics: Sendable, Hashable {
        /// Calls that wait for a thread.
        public let queued: Int
        /// Calls that a thread is making, the overdue ones not counted.
        public let running: Int
        /// Threads that are held by an overdue call.
        public let lost: Int
        /// Threads that live, the lost ones counted.
        public let threads: Int
        /// Calls that somebody has asked for so far.
        public let asked: Int
    }

    /// What becomes of a call that was given up.
    public enum Lateness: Sendable, Hashable {
        /// It holds its thread, and whatever it waits for.
        case givenUp
        case returned
    }

    public let name: String
    private let core: LaneCore

    /// Makes a lane; its threads start with the first call.
    ///
    /// - Parameters:
    ///   - name: Shown by `ps -L` with a number; keep it to 11 bytes.
    ///   - threads: How many calls are made side by side.
    ///   - spareThreads: How many lost threads are replaced.
    public init(name: String, threads: Int, spareThreads: Int) {
        self.name = name
        core = LaneCore(name: name, nominal: max(1, threads), spare: max(0, spareThreads))
    }

    deinit { core.stop() }

    public var statistics: Statistics { core.statistics }

    /// Makes a call on one of the lane's threads.
    ///
    /// Cancellation takes back a call that still waits for a thread; one that runs is answered when it returns or is
    /// overdue, or at once where it is abandonable. A call that no thread can take, because all of them and their
    /// spares are lost, fails at once.
    ///
    /// - Parameters:
    ///   - operation: What is being done, for the error text.
    ///   - deadline: Counted from now, the wait for a thread included.
    ///   - isAbandonable: Whether nobody needs to know how it ends: it only asks.
    ///   - lateness: Hears that the call was given up while it runs, and that it has returned after all.
    ///   - late: Takes the result that a call brought after it was given up.
    /// - Throws: What `body` throws; a ``LibvirtError`` of kind `timeout`, `exhausted` or `cancelled`.
    public func run<Value: Sendable>(
        _ operation: String, within deadline: Duration, isAbandonable: Bool = false,
        lateness: (@Sendable (Lateness) -> Void)? = nil,
        late: (@Sendable (Result<Value, LibvirtError>) -> Void)? = nil,
        _ body: @escaping @Sendable () throws(LibvirtError) -> Value
    ) async throws(LibvirtError) -> Value {
        let job = CallJob(operation: operation, isAbandonable: isAbandonable, late: late, body: body)
        job.lateness = lateness
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                job.attach(continuation)
                core.submit(job, within: deadline)
            }
        } onCancel: {
            core.cancel(job)
        }
        return try result.get()
    }

    /// Makes a call that nobody waits for, such as closing what was dropped.
    func detach(_ operation: String, within deadline: Duration, _ body: @escaping @Sendable () -> Void) {
        let job = CallJob(operation: operation, isAbandonable: false, late: nil) { () throws(LibvirtError) in body() }
        job.mustRun = true
        core.submit(job, within: deadline)
    }
}

/// A call on its way through a lane.
class LaneJob: @unchecked Sendable {
    // Because `phase` and `deadline` are touched only under the lane's lock, and the rest never changes once the job is
    // in the lane.
    enum Phase { case queued, running, overdue, finished }

    let operation: String
    let isAbandonable: Bool
    var lateness: (@Sendable (CallLane.Lateness) -> Void)?
    /// Whether it waits for a thread for as long as that takes, because nobody would do its work later.
    var mustRun = false
    var phase = Phase.queued
    var deadline: DeadlineWatch.Token?

    init(operation: String, isAbandonable: Bool) {
        self.operation = operation
        self.isAbandonable = isAbandonable
    }

    /// Makes the call, on a lane's thread.
    func perform() {}

    /// Answers whoever waits, unless that has been done.
    func fail(_ error: LibvirtError) {}
}

/// A call with its result's type.
final class CallJob<Value: Sendable>: LaneJob, @unchecked Sendable {
    // Because the continuation is guarded by its own mutex and the body never changes.
    typealias Answer = CheckedContinuation<Result<Value, LibvirtError>, Never>

    private let body: @Sendable () throws(LibvirtError) -> Value
    private let late: (@Sendable (Result<Value, LibvirtError>) -> Void)?
    private let answer = Mutex<Answer?>(nil)

    init(
        operation: String, isAbandonable: Bool, late: (@Sendable (Result<Value, LibvirtError>) -> Void)?,
        body: @escaping @Sendable () throws(LibvirtError) -> Value
    ) {
        self.body = body
        self.late = late
        super.init(operation: operation, isAbandonable: isAbandonable)
    }

    func attach(_ continuation: Answer) { answer.withLock { $0 = continuation } }

    override func perform() {
        let result: Result<Value, LibvirtError>
        do throws(LibvirtError) { result = .success(try body()) } catch { result = .failure(error) }
        if !settle(result) { late?(result) }
    }

    override func fail(_ error: LibvirtError) { _ = settle(.failure(error)) }

    /// Whether somebody still waited for it.
    private func settle(_ result: Result<Value, LibvirtError>) -> Bool {
        let waiting = answer.withLock { answer in
            defer { answer = nil }
            return answer
        }
        waiting?.resume(returning: result)
        return waiting != nil
    }
}
