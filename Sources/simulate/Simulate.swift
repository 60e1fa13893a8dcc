// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Foundation
internal import Simulator

/// Runs simulated histories of the worker and tells which of them break a promise.
@main
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate", abstract: "Runs histories of the worker that a seed decides, faults included.",
        discussion: "Exits with 1 where a history breaks a promise; --seed replays it and prints every step.")

    @Option(help: "The one history to run and to print.")
    var seed: UInt64?

    @Option(help: "How many histories to run.")
    var seeds: UInt64 = 1000

    @Option(help: "The first of them.")
    var from: UInt64 = 1

    @Option(help: "How many processes share the work.")
    var processes: Int = 2

    @Option(
        help: "A bug to plant: acknowledge-before-commit, event-outside-transaction, retry-without-dedup.",
        transform: { word in
            guard let mutant = Mutant(rawValue: word) else { throw ValidationError("no such bug") }
            return mutant
        })
    var mutant: Mutant?

    @Flag(help: "Histories as short as those of the tests.")
    var small = false

    @Flag(help: "Print each history's fingerprint.")
    var fingerprints = false

    @Option(help: .hidden)
    var part: Int?

    func run() throws {
        if let seed { return try replay(seed) }
        if let part { return try work(part) }
        let began = ContinuousClock.now
        let tally = try share()
        print(tally.table())
        print("  took \(Int((ContinuousClock.now - began) / .seconds(1))) s")
        if tally.failures.isEmpty { return }
        for failure in tally.failures.prefix(20) { print("seed \(failure.seed): \(failure.text)") }
        if let first = tally.failures.first { print("replay: simulate --seed \(first.seed)\(words)") }
        throw ExitCode.failure
    }

    private var size: SimulationSize { small ? .small : SimulationSize() }

    private var words: String { (small ? " --small" : "") + (mutant.map { " --mutant \($0.rawValue)" } ?? "") }

    private func replay(_ seed: UInt64) throws {
        let outcome = Simulation(seed: seed, size: size, mutant: mutant, keepsHistory: true).run()
        for line in outcome.lines { print(line) }
        print("seed \(seed): \(outcome.steps) steps, fingerprint \(outcome.fingerprint)")
        for violation in outcome.violations { print("broken: \(violation)") }
        if !outcome.violations.isEmpty { throw ExitCode.failure }
    }

    /// A child's share: every so manieth history, told line by line.
    private func work(_ part: Int) throws {
        var tally = Tally()
        var seed = from + UInt64(part)
        while seed < from + seeds {
            let outcome = Simulation(seed: seed, size: size, mutant: mutant).run()
            tally.add(outcome)
            if fingerprints { tell("= \(seed) \(outcome.fingerprint)") }
            if let violation = outcome.violations.first { tell("! \(seed) \(violation)") }
            if tally.seeds % 50 == 0 { tell("+ 50") }
            seed += UInt64(max(1, processes))
        }
        tell("t \(try tally.encoded())")
    }

    /// At once, though it is a pipe: the parent shows how far we are.
    private func tell(_ line: String) { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }

    /// Starts the children, shows how far they are, and adds up what they found.
    private func share() throws -> Tally {
        let children = try (0..<max(1, processes)).map { try Child(part: $0, of: self) }
        var tally = Tally()
        var done = 0
        // One after the other: each has its pipe, and the progress of the first stands for that of all.
        for (number, child) in children.enumerated() {
            for line in child.lines() {
                let text = line.dropFirst(2)
                switch line.first {
                case "t": tally.add(try Tally.decode(String(text)))
                case "=": print(text)
                case "!": print("seed \(text)\n  replay: simulate --seed \(text.prefix { $0 != " " })\(words)")
                case "+":
                    guard number == 0 else { break }
                    done += 50 * children.count
                    FileHandle.standardError.write(Data("\r\(done) of \(seeds) histories ".utf8))
                default: print(line)
                }
            }
            try child.finish()
        }
        FileHandle.standardError.write(Data("\r".utf8))
        return tally
    }

    /// What a child is told.
    fileprivate func arguments(for part: Int) -> [String] {
        var arguments = [
            "--part", "\(part)", "--seeds", "\(seeds)", "--from", "\(from)", "--processes", "\(max(1, processes))",
        ]
        if let mutant { arguments += ["--mutant", mutant.rawValue] }
        if small { arguments.append("--small") }
        if fingerprints { arguments.append("--fingerprints") }
        return arguments
    }
}

/// A process that runs a share of the histories.
private struct Child {
    private let process = Process()
    private let output = Pipe()
    private let part: Int

    init(part: Int, of command: Simulate) throws {
        self.part = part
        process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = command.arguments(for: part)
        process.standardOutput = output
        try process.run()
    }

    /// What it prints, line by line, as it comes.
    func lines() -> AnySequence<String> {
        let handle = output.fileHandleForReading
        var rest = Data()
        return AnySequence {
            AnyIterator {
                while true {
                    if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                        let line = String(decoding: rest[..<end], as: UTF8.self)
                        rest = Data(rest[(end + 1)...])
                        return line
                    }
                    let more = handle.availableData
                    if more.isEmpty { return nil }
                    rest.append(more)
                }
            }
        }
    }

    func finish() throws {
        process.waitUntilExit()
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            print("the process of part \(part) ended with \(process.terminationStatus)")
            throw ExitCode.failure
        }
    }
}
