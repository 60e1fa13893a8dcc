// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// All that can be seen of one instance on its hosts, to tell whether something has changed.
struct HostPicture: Sendable, Hashable {
    /// One host's view.
    struct View: Sendable, Hashable {
        var listed: PowerState?
        var powerState: PowerState?
        var memory: ByteCount?
        var vcpus: Int?
        var facts: [HostFact: [String]]
    }

    let host: View
    let neighbour: View?
    let hasSnapshot: Bool

    init(_ stage: Stage) async throws {
        let bench = stage.bench
        let id = stage.instance.id
        host = try await Self.view(of: id, on: bench.driver, try await bench.facts(of: id, atNeighbour: false))
        if let other = bench.neighbour {
            neighbour = try await Self.view(of: id, on: other, try await bench.facts(of: id, atNeighbour: true))
        } else {
            neighbour = nil
        }
        hasSnapshot = access(stage.snapshotPath, F_OK) == 0
    }

    private static func view(
        of id: InstanceID, on driver: any ComputeDriver, _ facts: [HostFact: [String]]
    ) async throws -> View {
        var view = View(facts: facts)
        view.listed = try await driver.instances().first { $0.id == id }?.powerState
        do {
            let info = try await driver.info(id)
            (view.powerState, view.memory, view.vcpus) = (info.powerState, info.memory, info.vcpus)
        } catch let fault as ComputeFault where fault.kind == .instanceNotFound {}
        return view
    }

    /// What differs, in words.
    func differences(from other: HostPicture) -> [String] {
        var found = Self.differences("", host, other.host)
        if let here = neighbour, let there = other.neighbour {
            found += Self.differences("the neighbour's ", here, there)
        }
        if hasSnapshot != other.hasSnapshot { found.append("the snapshot's file is \(hasSnapshot ? "" : "not ")there") }
        return found
    }

    private static func differences(_ whose: String, _ now: View, _ before: View) -> [String] {
        var found: [String] = []
        func compare<Value: Equatable>(_ what: String, _ now: Value?, _ before: Value?) {
            guard now != before else { return }
            let words = [before, now].map { value in value.map { "\($0)" } ?? "nothing" }
            found.append("\(whose)\(what) was \(words[0]) and is \(words[1])")
        }
        compare("power state in the list", now.listed, before.listed)
        compare("power state", now.powerState, before.powerState)
        compare("memory", now.memory, before.memory)
        compare("number of processors", now.vcpus, before.vcpus)
        for fact in HostFact.allCases { compare(fact.rawValue, now.facts[fact], before.facts[fact]) }
        return found
    }
}
