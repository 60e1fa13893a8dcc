// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import Synchronization
import TestSupport
import Testing

/// A worker with real guests that is killed again and again; what was sent and what came of it stays.
final class Scene: Sendable {
    let bench: Bench
    let hypervisor: Hypervisor
    let probe: Probe
    let oslo: Caller
    private let current: Mutex<WorkerProcess>

    /// The process that lives now.
    var worker: WorkerProcess { current.withLock { $0 } }

    /// How often a kill may come too late before the test gives up.
    private static let patience = 12

    private init(bench: Bench, hypervisor: Hypervisor, probe: Probe, oslo: Caller, worker: WorkerProcess) {
        self.bench = bench
        self.hypervisor = hypervisor
        self.probe = probe
        self.oslo = oslo
        current = Mutex(worker)
    }

    static func play(
        isolation: isolated (any Actor)? = #isolation, _ body: (Scene) async throws -> Void
    ) async throws {
        let hypervisor = try #require(Hypervisor.current)
        try await Bench.with { bench in
            let worker = try await bench.worker(try await hypervisor.settings(bench))
            let probe = try await bench.probe()
            try await probe.collectEvents()
            let scene = Scene(
                bench: bench, hypervisor: hypervisor, probe: probe, oslo: try await bench.oslo(), worker: worker)
            try await body(scene)
            #expect(try await scene.worker.stop() == .exited(0))
        }
    }

    /// A guest that runs.
    func guest(isolation: isolated (any Actor)? = #isolation) async throws -> String {
        let instance = newInstance()
        try await oslo.cast("run_instance", instance, to: "one", image: Hypervisor.image)
        try await probe.events(of: instance, until: "compute.instance.create.end")
        return instance
    }

    /// Terminates a guest; nothing of it may be left.
    func remove(_ instance: String, isolation: isolated (any Actor)? = #isolation) async throws {
        try await oslo.cast("terminate_instance", instance, to: "one")
        try await probe.events(of: instance, until: "compute.instance.delete.end")
        #expect(try await hypervisor.isGone(instance, of: worker))
    }

    /// Tries until a kill came in time.
    func counted(
        _ moment: Program.CrashTests.Moment, isolation: isolated (any Actor)? = #isolation,
        _ attempt: (Scene) async throws -> String?
    ) async throws -> String {
        for _ in 0..<Self.patience {
            if let instance = try await attempt(self) { return instance }
        }
        throw ChildProcess.Failure("\(Self.patience) times the operation was over before the kill: \(moment.name)")
    }

    /// Does something, kills the worker when its journal shows the moment, and starts the next one.
    ///
    /// - Returns: whether the row was unfinished when the next one started.
    func kill(
        _ operation: String, _ instance: String, at moment: Program.CrashTests.Moment,
        isolation: isolated (any Actor)? = #isolation, _ action: () async throws -> Void
    ) async throws -> Bool {
        let script = PythonClient.projectDirectory.appending(path: "Tests/Clients/journal_killer.py").path
        var arguments = [
            script, worker.database.path, "\(worker.pid)", "--operation", operation, "--step", moment.step,
            "--instance",
            instance, "--delay", "\(moment.delay)", "--timeout", "30",
        ]
        if let file = moment.file {
            arguments += ["--exists", worker.instancesDirectory.appending(path: "\(instance)/\(file)").path]
        }
        let killer = try ChildProcess(bench.servers.python, arguments)
        try #require(
            await killer.output.first(within: .seconds(20)) { $0.contains("ready") } != nil, "\(killer.errors.text())")
        if moment.isFrozen { try hypervisor.freeze(true) }
        let line: String?
        do {
            try await action()
            line = await killer.output.first(from: 1, within: .seconds(40)) { _ in true }
        } catch {
            if moment.isFrozen { try? hypervisor.freeze(false) }
            throw error
        }
        if moment.isFrozen { try hypervisor.freeze(false) }
        _ = try await killer.wait()
        let report = try JSONParser.parse(try #require(line, "\(killer.errors.text())"))
        guard report["killed"] == true else {
            try #require(report["seen"] == "past it", "\(JSONWriter.text(report))")
            return false
        }
        _ = try await worker.wait()
        let next = try await bench.again(worker)
        current.withLock { $0 = next }
        return report["unfinished"] == true
    }
}
