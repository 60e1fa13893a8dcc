// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
internal import ComputeModel
public import Testing

/// What one operation of the contract promises, tried on a driver.
///
/// A driver that passes ``all`` keeps these promises:
/// - The effect of each operation is seen through the driver's own reads, and where its contract has no read for it
///   through a ``HostFact``; a question changes nothing.
/// - A repeat succeeds and changes nothing, where the facet promises that.
/// - For a guest that is not there it is `instanceNotFound`, or success where the facet promises that.
/// - A failure is a `ComputeFault` and leaves the host as it was, in each of the ways of failing that the surroundings
///   can bring about.
/// - A cancellation leaves the host as it was too, unless it came too late: then the operation is done.
/// - What the driver's type lacks is refused as `unsupportedOperation`, and the hypervisor sees no request. The refusal
///   is the type's, by `require`: what is tried is that nothing was asked on the way to it.
/// - What the hypervisor itself lacks is refused as `unsupportedOperation` and leaves the host as it was.
///
/// A test target describes its driver by a ``DriverUnderTest`` and runs the scenarios on it. What the surroundings
/// can't show, break or hold has to be excused in words, or it is a finding.
public struct DriverScenario: Sendable {
    /// What an operation is to make of a guest that is not there.
    enum Absence: Sendable {
        /// `instanceNotFound`.
        case isNotFound
        /// Success: what is to be gone is gone.
        case isSuccess
        /// It needs no guest.
        case isNoMatter
    }

    typealias Step = @Sendable (Stage) async throws -> Void

    public let operation: DriverOperation
    let needsVolumes: Bool
    let needsNeighbour: Bool
    let isIdempotent: Bool
    /// Whether it may change something although it is a question.
    let leavesTraces: Bool
    let absence: Absence
    let arrange: Step
    let act: Step
    let shows: Step
    let clear: Step

    init(
        _ operation: DriverOperation, needsVolumes: Bool = false, needsNeighbour: Bool = false,
        isIdempotent: Bool = false, leavesTraces: Bool = false,
        absence: Absence = .isNoMatter,
        arrange: @escaping Step = { _ in }, act: @escaping Step, shows: @escaping Step = { _ in },
        clear: @escaping Step = { _ in }
    ) {
        self.operation = operation
        self.needsVolumes = needsVolumes
        self.needsNeighbour = needsNeighbour
        // A question that changes nothing can always be asked again.
        self.isIdempotent = isIdempotent || operation.pace == .question && !leavesTraces
        self.leavesTraces = leavesTraces
        self.absence = absence
        self.arrange = arrange
        self.act = act
        self.shows = shows
        self.clear = clear
    }

    /// Tries the operation; each thing that is not as promised is an issue of the current test.
    public func run(on bench: any DriverUnderTest) async {
        for finding in await findings(on: bench) { Issue.record("\(finding)") }
    }

    /// What is not as promised.
    public func findings(on bench: any DriverUnderTest) async -> [Finding] {
        guard operation.isImplemented(by: type(of: bench.driver)) else {
            var findings = await phase(.refusal, bench) { stage in try await refuses(stage) }
            if bench.refusals[operation] != nil {
                findings.append(
                    Finding(operation, .refusal, "the driver has no such operation to make an exception for"))
            }
            return findings
        }
        if let reason = bench.refusals[operation] {
            return await phase(.refusal, bench) { stage in try await refusesAsStated(stage, reason) }
        }
        if needsNeighbour, bench.neighbour == nil {
            return [Finding(operation, .effect, "it needs a second host, and there is none")]
        }
        var findings = await phase(.effect, bench) { stage in try await hasEffect(stage) }
        if absence != .isNoMatter { findings += await phase(.absence, bench) { stage in try await lacksGuest(stage) } }
        let (breakages, holds) = (bench.breakages(of: operation), bench.holds(of: operation))
        if breakages.isEmpty, operation.pace != .question, bench.unbroken[operation] == nil {
            findings.append(Finding(operation, .failure, "nothing makes it fail here, and nothing says why"))
        }
        if !holds.contains(where: \.isCertain), operation.pace != .question, bench.unheld[operation] == nil {
            findings.append(Finding(operation, .cancellation, "it is held for certain nowhere, and nothing says why"))
        }
        return findings + (await disturbances(on: bench, breakages, holds))
    }

    /// What is not as promised of failures and cancellations. One stage serves for all, for as long as each leaves it
    /// as it was.
    private func disturbances(
        on bench: any DriverUnderTest, _ breakages: [Breakage], _ holds: [Hold]
    ) async -> [Finding] {
        var findings: [Finding] = []
        var stage: Stage?
        func attempt(_ phase: Finding.Phase, _ body: (Stage) async throws -> Bool) async -> Bool {
            let current: Stage
            var isAsItWas = false
            do {
                if let stage {
                    current = stage
                } else {
                    current = try await Stage(bench, needsVolumes: needsVolumes)
                    stage = current
                    try await arrange(current)
                }
                isAsItWas = try await body(current)
            } catch {
                findings.append(Finding(operation, phase, "it threw: \(error)"))
            }
            let complaints = stage?.takeComplaints() ?? []
            findings += complaints.map { Finding(operation, phase, $0) }
            if isAsItWas, complaints.isEmpty { return true }
            await leave(&stage)
            return false
        }
        for breakage in breakages {
            _ = await attempt(.failure) { stage in
                try await fails(stage, by: breakage)
                return true
            }
        }
        for hold in holds {
            // Where it came too late, what is later still is no use.
            guard await attempt(.cancellation, { try await isCancelled($0, at: hold) }) else { break }
        }
        await leave(&stage)
        return findings
    }

    private func leave(_ stage: inout Stage?) async {
        guard let left = stage else { return }
        stage = nil
        try? await clear(left)
        await left.clear()
    }

    private func phase(
        _ phase: Finding.Phase, _ bench: any DriverUnderTest, _ body: (Stage) async throws -> Void
    ) async -> [Finding] {
        do {
            let stage = try await Stage(bench, needsVolumes: needsVolumes)
            do {
                try await body(stage)
            } catch {
                stage.complain("it threw: \(error)")
            }
            try? await clear(stage)
            await stage.clear()
            return stage.takeComplaints().map { Finding(operation, phase, $0) }
        } catch {
            return [Finding(operation, phase, "nothing could be prepared: \(error)")]
        }
    }
}

extension DriverScenario {
    private func hasEffect(_ stage: Stage) async throws {
        try await arrange(stage)
        let before = try await HostPicture(stage)
        try await act(stage)
        try await shows(stage)
        let after = try await HostPicture(stage)
        if operation.pace == .question, !leavesTraces {
            for difference in after.differences(from: before) { stage.complain("a question changed: \(difference)") }
        }
        guard isIdempotent else { return }
        do {
            try await act(stage)
        } catch {
            stage.complain("a repeat threw: \(error)")
        }
        try await shows(stage)
        for difference in try await HostPicture(stage).differences(from: after) {
            stage.complain("a repeat changed: \(difference)")
        }
    }

    private func lacksGuest(_ stage: Stage) async throws {
        let before = try await HostPicture(stage)
        do {
            try await act(stage)
            stage.expect(absence == .isSuccess, "it succeeded for a guest that is not there")
        } catch let fault as ComputeFault where fault.kind == .instanceNotFound {
            stage.expect(absence == .isNotFound, "it failed for a guest that is not there, where that is success")
        }
        for difference in try await HostPicture(stage).differences(from: before) {
            stage.complain("of a guest that is not there: \(difference)")
        }
    }

    private func fails(_ stage: Stage, by breakage: Breakage) async throws {
        let before = try await HostPicture(stage)
        try await breakage.apply(stage.instance)
        do {
            try await act(stage)
            stage.complain("it succeeded though broken (\(breakage.name))")
        } catch is ComputeFault {
        } catch {
            stage.complain("it failed with another error than a fault (\(breakage.name)): \(error)")
        }
        try await breakage.mend(stage.instance)
        for difference in try await HostPicture(stage).differences(from: before) {
            stage.complain("after a failure (\(breakage.name)): \(difference)")
        }
        // What mended it may have started the guest.
        if stage.bootIdentity != nil { try? await stage.noteBoot() }
    }

    /// Whether it was cancelled, and did not come to its end before.
    private func isCancelled(_ stage: Stage, at hold: Hold) async throws -> Bool {
        let before = try await HostPicture(stage)
        try await hold.apply()
        let isDone = try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                let isDone: Bool
                do {
                    try await act(stage)
                    isDone = true
                } catch {
                    stage.expect(
                        error is CancellationError || error is ComputeFault,
                        "cancelled (\(hold.name)), it failed with another error: \(error)")
                    isDone = false
                }
                // A call that never came to the place is not waited for.
                await hold.letGo()
                return isDone
            }
            await hold.reached()
            group.cancelAll()
            await hold.letGo()
            return try await group.next() ?? true
        }
        if isDone {
            stage.expect(!hold.isCertain, "it went on to its end though cancelled (\(hold.name))")
            try await shows(stage)
            return false
        }
        for difference in try await HostPicture(stage).differences(from: before) {
            stage.complain("after a cancellation (\(hold.name)): \(difference)")
        }
        return true
    }

    /// What the driver's type lacks is refused before anything is asked of the hypervisor.
    private func refuses(_ stage: Stage) async throws {
        let before = try await stage.bench.requests()
        do {
            try await act(stage)
            stage.complain("the driver's type lacks it, and it was not refused")
        } catch let fault as ComputeFault where fault.kind == .unsupportedOperation {}
        let after = try await stage.bench.requests()
        stage.expect(before == after, "the hypervisor saw a request for what the driver's type lacks")
        _ = try await stage.driver.instances()
        stage.expect(try await stage.bench.requests() > after, "a request is not counted")
    }

    /// What the hypervisor is said to refuse is really refused, and changes nothing.
    private func refusesAsStated(_ stage: Stage, _ reason: String) async throws {
        do {
            try await arrange(stage)
        } catch let fault as ComputeFault where fault.kind == .unsupportedOperation {
            // What it would undo or follow is refused; that this does no harm, that operation's own scenario sees.
            return
        }
        let before = try await HostPicture(stage)
        do {
            try await act(stage)
            stage.complain("it works, though it is said to be refused: \(reason)")
        } catch let fault as ComputeFault where fault.kind == .unsupportedOperation {}
        for difference in try await HostPicture(stage).differences(from: before) {
            stage.complain("after a refusal: \(difference)")
        }
    }
}

extension DriverScenario: CustomTestStringConvertible {
    public var testDescription: String { operation.rawValue }
}

/// Something that is not as the contract promises.
public struct Finding: Sendable, Hashable, CustomStringConvertible {
    /// Which of the promises.
    public enum Phase: String, Sendable, Hashable {
        case effect, absence, failure, cancellation, refusal
    }

    public let operation: DriverOperation
    public let phase: Phase
    public let sentence: String

    init(_ operation: DriverOperation, _ phase: Phase, _ sentence: String) {
        self.operation = operation
        self.phase = phase
        self.sentence = sentence
    }

    public var description: String { "\(operation.rawValue), \(phase.rawValue): \(sentence)" }
}
