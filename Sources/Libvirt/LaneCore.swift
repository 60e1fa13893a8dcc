// SPDX-License-Identifier: Apache-2.0

/// The threads of a lane and the queue that they work off.
final class LaneCore: @unchecked Sendable {
    // Because every variable is touched only between `lock.lock()` and `lock.unlock()`.
    private let name: String
    private let nominal: Int
    private let spare: Int
    private let lock = ConditionLock()
    private var queue: [LaneJob] = []
    private var threads = 0
    private var idle = 0
    private var running = 0
    private var lost = 0
    private var started = 0
    private var asked = 0
    private var stopped = false

    init(name: String, nominal: Int, spare: Int) {
        self.name = name
        self.nominal = nominal
        self.spare = spare
    }

    var statistics: CallLane.Statistics {
        lock.lock()
        defer { lock.unlock() }
        return CallLane.Statistics(
            queued: queue.count, running: running, lost: lost, threads: threads, asked: asked)
    }

    /// Lets idle threads end; what is queued is still done.
    func stop() {
        lock.lock()
        stopped = true
        lock.broadcast()
        lock.unlock()
    }

    func submit(_ job: LaneJob, within deadline: Duration) {
        lock.lock()
        if !job.mustRun { asked += 1 }
        guard job.phase == .queued else {
            // Cancelled before it came here.
            lock.unlock()
            return job.fail(Self.cancelled(job))
        }
        queue.append(job)
        schedule(job, within: deadline)
        if idle >= queue.count {
            lock.signal()
        } else {
            addThreadIfAllowed()
        }
        let hopeless = takeHopeless()
        lock.unlock()
        for job in hopeless { job.fail(exhausted(job)) }
    }

    /// With the lock held.
    private func schedule(_ job: LaneJob, within deadline: Duration) {
        job.deadline = DeadlineWatch.shared.schedule(after: deadline) { [self] in expire(job, after: deadline) }
    }

    /// Takes back a job that no thread has taken yet, and gives up one that runs where that is allowed.
    func cancel(_ job: LaneJob) {
        lock.lock()
        let phase = job.phase
        var hopeless: [LaneJob] = []
        switch phase {
        case .queued: finish(job)
        case .running where job.isAbandonable: hopeless = giveUp(job)
        case .running, .overdue, .finished:
            lock.unlock()
            return
        }
        lock.unlock()
        if phase == .running { job.lateness?(.givenUp) }
        job.fail(
            LibvirtError(
                .cancelled, operation: job.operation,
                message: "\(job.operation) was cancelled" + (phase == .queued ? " before it began" : " as it ran")))
        for job in hopeless { job.fail(exhausted(job)) }
    }

    private static func cancelled(_ job: LaneJob) -> LibvirtError {
        LibvirtError(.cancelled, operation: job.operation, message: "\(job.operation) was cancelled before it began")
    }

    private func exhausted(_ job: LaneJob) -> LibvirtError {
        LibvirtError(
            .exhausted, operation: job.operation,
            message: "\(job.operation) found no free thread of '\(name)': all \(nominal + spare), the spare ones among "
                + "them, are held by calls that do not return")
    }

    private func expire(_ job: LaneJob, after deadline: Duration) {
        lock.lock()
        let phase = job.phase
        var hopeless: [LaneJob] = []
        switch phase {
        case .queued where job.mustRun: schedule(job, within: deadline)
        case .queued: finish(job)
        case .running: hopeless = giveUp(job)
        case .overdue, .finished: break
        }
        lock.unlock()
        switch phase {
        case .queued where job.mustRun: break
        case .queued:
            job.fail(
                LibvirtError(
                    .exhausted, operation: job.operation,
                    message: "\(job.operation) found no free thread of '\(name)' within \(deadline)"))
        case .running:
            job.lateness?(.givenUp)
            job.fail(
                LibvirtError(
                    .timeout, operation: job.operation,
                    message: "\(job.operation) did not return within \(deadline); whether it was done is not known"))
        case .overdue, .finished: break
        }
        for job in hopeless { job.fail(exhausted(job)) }
    }

    /// With the lock held: counts a running job's thread as lost; returns what waits for a thread in vain now.
    private func giveUp(_ job: LaneJob) -> [LaneJob] {
        job.phase = .overdue
        if let deadline = job.deadline { DeadlineWatch.shared.cancel(deadline) }
        running -= 1
        lost += 1
        if !queue.isEmpty { addThreadIfAllowed() }
        return takeHopeless()
    }

    /// With the lock held: takes out what waits while every thread is lost and none may be added: nobody knows when
    /// one comes back.
    private func takeHopeless() -> [LaneJob] {
        guard threads == lost else { return [] }
        let waiting = queue.filter { !$0.mustRun }
        for job in waiting { finish(job) }
        return waiting
    }

    /// With the lock held: takes a queued job out.
    private func finish(_ job: LaneJob) {
        job.phase = .finished
        queue.removeAll { $0 === job }
        if let deadline = job.deadline { DeadlineWatch.shared.cancel(deadline) }
    }

    /// With the lock held: one thread more, where the bound has room.
    private func addThreadIfAllowed() {
        guard threads < nominal + min(lost, spare) else { return }
        threads += 1
        started += 1
        // A system without a thread to spare leaves the job to the lane's other threads, or to its deadline.
        if !NamedThread.start("\(name)-\(started)", { [self] in work() }) { threads -= 1 }
    }

    private func work() {
        while let job = nextJob() {
            job.perform()
            if isSuperfluous(after: job) { return }
            // The job, and whatever its call held, is let go of here: with the lock free, because what goes with it may
            // be a connection, whose closing is a job for this lane.
        }
    }

    /// Sleeps until there is a job; nil for a thread that may end.
    private func nextJob() -> LaneJob? {
        lock.lock()
        defer { lock.unlock() }
        while queue.isEmpty {
            if stopped {
                threads -= 1
                return nil
            }
            idle += 1
            lock.wait()
            idle -= 1
        }
        let job = queue.removeFirst()
        job.phase = .running
        running += 1
        return job
    }

    /// Notes the end of a call. A lost thread that comes back while its replacement lives is one too many.
    private func isSuperfluous(after job: LaneJob) -> Bool {
        lock.lock()
        let wasLost = job.phase == .overdue
        job.phase = .finished
        if let deadline = job.deadline { DeadlineWatch.shared.cancel(deadline) }
        if wasLost { lost -= 1 } else { running -= 1 }
        let isSuperfluous = wasLost && threads > nominal + min(lost, spare)
        if isSuperfluous { threads -= 1 }
        lock.unlock()
        if wasLost { job.lateness?(.returned) }
        return isSuperfluous
    }
}
