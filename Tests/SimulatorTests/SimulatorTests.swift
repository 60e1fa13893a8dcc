// SPDX-License-Identifier: Apache-2.0

import Foundation
import Simulator
import Testing

@Suite("The simulated worker", .serialized, .timeLimit(.minutes(10)))
struct SimulatorTests {
    /// What fits into some minutes of two processors; `make simulate` runs more of them, and longer ones.
    static let seeds = 4000

    @Test("keeps every promise in thousands of histories, and every fault is among them")
    func histories() throws {
        let run = try Simulate.run(["--small", "--seeds", "\(Self.seeds)", "--processes", "2"])
        #expect(run.status == 0, "\(run.output.suffix(4000))")
        for kind in FaultKind.allCases {
            #expect(run.count(kind.rawValue) > 0, "\(kind.rawValue) never happened")
        }
        for task in PeriodicTaskNames.all {
            #expect(run.count("\(task) done") > 0, "\(task) was never done")
            #expect(run.count("\(task) cut off") > 0, "\(task) was never cut off by a crash")
        }
        for option in PeriodicTaskNames.thatAct {
            #expect(run.count("\(option) had something to do") > 0, "\(option) never had anything to do")
        }
        #expect(run.count("histories") == Self.seeds)
        for pair in Coverage.pairs {
            let isReached = run.count(pair.name) > 0
            if let reason = Coverage.exceptions[pair.name] {
                #expect(!isReached, "\(pair.name) is no exception any more: \(reason)")
            } else {
                #expect(isReached, "\(pair.name) was never taken up again")
            }
        }
        let names = Set(Coverage.pairs.map(\.name))
        for name in Coverage.exceptions.keys { #expect(names.contains(name), "\(name) is no step") }
        for method in Coverage.methods { #expect(run.count("\(method) succeeded") > 0, "\(method) never succeeded") }
    }

    @Test("A seed is one history: two processes come to the same fingerprints")
    func repeats() throws {
        let arguments = ["--seeds", "60", "--from", "100", "--processes", "1", "--fingerprints"]
        let first = try Simulate.run(arguments)
        let second = try Simulate.run(arguments)
        let fingerprints = first.lines.filter { $0.split(separator: " ").last?.count == 16 }
        #expect(fingerprints.count == 60)
        #expect(Set(fingerprints.compactMap { $0.split(separator: " ").last }).count == 60)
        #expect(fingerprints == second.lines.filter { $0.split(separator: " ").last?.count == 16 })
    }

    @Test("finds a bug that is planted at a port", arguments: Mutant.allCases)
    func planted(_ mutant: Mutant) throws {
        let run = try Simulate.run(["--seeds", "100", "--small", "--mutant", mutant.rawValue])
        #expect(run.status == 1)
        #expect(run.output.contains("replay: simulate --seed"))
        let expected =
            switch mutant {
            case .acknowledgeBeforeCommit: Invariant.oneOutcome
            case .eventOutsideTransaction: Invariant.oneOutcome
            case .retryWithoutDedup: Invariant.oneOutcome
            }
        #expect(run.output.contains(expected.rawValue), "\(run.output.suffix(2000))")
    }

    @Test("prints a history that can be read, and the same as its fingerprint says")
    func replay() throws {
        let run = try Simulate.run(["--seed", "7"])
        #expect(run.status == 0)
        #expect(run.output.contains("worker 1 starts"))
        #expect(run.output.contains("fingerprint"))
        #expect(!run.output.contains("CANARY"))
    }
}

/// What the worker does by itself, as the simulator's table calls it.
enum PeriodicTaskNames {
    static let all = [
        "report_state", "update_available_resource", "publish_service_capabilities", "poll_bandwidth_usage",
        "instance_usage_audit", "poll_rescued_instances", "poll_rebooting_instances", "check_instance_build_time",
        "heal_instance_info_cache", "run_image_cache_manager_pass", "reclaim_queued_deletes",
        "poll_unconfirmed_resizes", "cleanup_running_deleted_instances", "sync_power_states",
    ]

    /// The options of those that change an instance, or tell of it.
    static let thatAct = [
        "instance_build_timeout", "rescue_timeout", "resize_confirm_window",
        "reclaim_instance_interval", "running_deleted_instance_action", "instance_usage_audit",
    ]
}

/// The simulator as a program, built beside the tests.
enum Simulate {
    struct Run {
        let status: Int32
        let output: String

        var lines: [Substring] { output.split(separator: "\n") }

        /// The number in the table's row of that name.
        func count(_ name: String) -> Int {
            for line in lines {
                let words = line.split(separator: " ")
                guard words.dropLast().joined(separator: " ") == name, let count = words.last.flatMap({ Int($0) })
                else { continue }
                return count
            }
            return -1
        }
    }

    static func run(_ arguments: [String]) throws -> Run {
        let process = Process()
        process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            .appending(path: "simulate")
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Run(status: process.terminationStatus, output: String(decoding: data, as: UTF8.self))
    }
}
