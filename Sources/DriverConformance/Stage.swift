// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// One instance with its surroundings, for one phase of a scenario.
final class Stage: Sendable {
    private struct Notes: Sendable {
        var bootIdentity: String?
        var transfer = DiskTransfer(nil)
        var document = JSONObject()
        var seen: Set<String> = []
    }

    let bench: any DriverUnderTest
    let instance: Instance
    let image: LocalImage?
    let otherImage: LocalImage?
    /// Plugged in, or to be.
    let volume: BlockDevice?
    let otherVolume: BlockDevice?
    let interface: JSONValue
    private let hasNetworks: Bool
    let snapshotPath: String
    private let notes = Mutex(Notes())
    private let complaints = Mutex<[String]>([])

    init(_ bench: any DriverUnderTest, needsVolumes: Bool) async throws {
        self.bench = bench
        instance = try bench.makeInstance()
        image = try await bench.image()
        otherImage = try await bench.otherImage()
        volume = needsVolumes ? try await bench.makeVolume() : nil
        otherVolume = needsVolumes ? try await bench.makeVolume() : nil
        let made = try bench.makeInterface()
        hasNetworks = made != nil
        interface = made ?? .null
        snapshotPath = try bench.snapshotPath()
    }

    var driver: any ComputeDriver { bench.driver }
    /// The host to which guests move: the same where there is no other.
    var destination: any ComputeDriver { bench.neighbour ?? driver }
    var destinationName: String { bench.neighbour == nil ? bench.hostName : bench.neighbourName }

    /// This driver with a facet, or the refusal.
    func facet<Facet>(_ facet: Facet.Type, _ operation: DriverOperation) throws -> Facet {
        try driver.require(facet, for: operation, instance: instance.id)
    }

    /// The other host's driver with a facet, which is tried only if the type under test has it.
    func destination<Facet>(_ facet: Facet.Type, _ operation: DriverOperation) throws -> Facet {
        _ = try self.facet(facet, operation)
        return try destination.require(facet, for: operation, instance: instance.id)
    }

    func theVolume() throws -> BlockDevice {
        guard let volume else { throw ComputeFault.invalid("the scenario has no volume") }
        return volume
    }

    func theOtherVolume() throws -> BlockDevice {
        guard let otherVolume else { throw ComputeFault.invalid("the scenario has no second volume") }
        return otherVolume
    }

    /// The instance's interfaces, for a driver that plugs some in when it builds.
    var networkInfo: [JSONValue] {
        hasNetworks && type(of: driver).acceptedSpawnArguments.contains(.networks) ? [interface] : []
    }
    var guest: GuestRequest { GuestRequest(instance: instance, networkInfo: networkInfo) }
    var spawnRequest: SpawnRequest { SpawnRequest(instance: instance, image: image, networkInfo: networkInfo) }
    var address: String { interface["address"]?.string ?? "" }

    // MARK: What one step hands to the next

    var bootIdentity: String? {
        get { notes.withLock { $0.bootIdentity } }
        set { notes.withLock { $0.bootIdentity = newValue } }
    }

    var transfer: DiskTransfer {
        get { notes.withLock { $0.transfer } }
        set { notes.withLock { $0.transfer = newValue } }
    }

    var document: JSONObject {
        get { notes.withLock { $0.document } }
        set { notes.withLock { $0.document = newValue } }
    }

    /// Whether this is done on the stage for the first time.
    func isFirst(_ what: String) -> Bool { notes.withLock { $0.seen.insert(what).inserted } }

    // MARK: What it looks like

    func power(at host: (any ComputeDriver)? = nil) async throws -> PowerState? {
        do {
            return try await (host ?? driver).info(instance.id).powerState
        } catch let fault as ComputeFault where fault.kind == .instanceNotFound {
            return nil
        }
    }

    func facts(atNeighbour: Bool = false) async throws -> [HostFact: [String]] {
        try await bench.facts(of: instance.id, atNeighbour: atNeighbour)
    }

    // MARK: What is found

    /// Notes what is not as it should be.
    func expect(_ isSo: Bool, _ sentence: @autoclosure () -> String) {
        if !isSo { complain(sentence()) }
    }

    func complain(_ sentence: String) { complaints.withLock { $0.append(sentence) } }

    func expectPower(_ expected: PowerState?, at host: (any ComputeDriver)? = nil) async throws {
        let found = try await power(at: host)
        expect(found == expected, "the power state is \(Self.spelled(found)), not \(Self.spelled(expected))")
        let listed = try await (host ?? driver).instances().first { $0.id == instance.id }?.powerState
        expect(listed == expected, "the list shows \(Self.spelled(listed)), not \(Self.spelled(expected))")
    }

    /// Passes where the fact can't be seen, and something says why.
    func expectFact(
        _ fact: HostFact, atNeighbour: Bool = false, _ isRight: ([String]) -> Bool, _ sentence: String
    ) async throws {
        guard let found = try await facts(atNeighbour: atNeighbour)[fact] else {
            return expect(bench.unseen[fact] != nil, "nothing is seen of \(fact.rawValue), and nothing says why")
        }
        expect(isRight(found), "\(sentence); what is seen of \(fact.rawValue): \(found)")
    }

    func takeComplaints() -> [String] {
        complaints.withLock { complaints in
            defer { complaints = [] }
            return complaints
        }
    }

    private static func spelled(_ state: PowerState?) -> String { state.map { "\($0)" } ?? "that of no guest" }

    /// Removes what a phase has left.
    func clear() async {
        try? await driver.destroy(instance)
        try? await bench.neighbour?.destroy(instance)
        unlink(snapshotPath)
    }
}
