// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel

/// A driver with all that the conformance suite needs of its surroundings; one for each scenario.
public protocol DriverUnderTest: Sendable {
    /// Connected and ready.
    var driver: any ComputeDriver { get }
    /// By which other hosts know it.
    var hostName: String { get }
    /// Another host to which guests can move; nil where there is none.
    var neighbour: (any ComputeDriver)? { get }
    var neighbourName: String { get }

    /// What this hypervisor refuses though the driver's type has it, and why. It is checked that it does, by a fault
    /// of kind `unsupportedOperation` that leaves the host as it was.
    var refusals: [DriverOperation: String] { get }

    /// An instance that can be built, another each time.
    func makeInstance() throws -> Instance

    /// Makes a guest that runs: by the driver's own spawn, or in another way where the hypervisor refuses that.
    func build(_ request: SpawnRequest) async throws

    /// The image that instances are built from; nil for a driver that needs none.
    func image() async throws -> LocalImage?

    /// Another one, for rescues and rebuilds.
    func otherImage() async throws -> LocalImage?

    /// The root disk of the instances (`vda`).
    var rootDevice: String { get }

    /// A volume that can be plugged in, another each time, always under the same free device name.
    func makeVolume() async throws -> BlockDevice

    /// An interface as the network service describes it, another each time; nil where there are no networks.
    func makeInterface() throws -> JSONValue?

    /// Where a snapshot may be written: a file that is not there yet.
    func snapshotPath() throws -> String

    /// What can be seen of a host; a fact that is left out can't be seen here. Nothing of it comes from the driver.
    /// A scenario that needs one that is left out finds fault, unless ``unseen`` says why.
    func facts(of instance: InstanceID, atNeighbour: Bool) async throws -> [HostFact: [String]]

    /// How many requests the driver has made of its hypervisor so far.
    func requests() async throws -> Int

    /// Why a fact can't be seen here.
    var unseen: [HostFact: String] { get }

    /// The ways in which an operation can be made to fail. What changes something has one, or ``unbroken`` says why
    /// not.
    func breakages(of operation: DriverOperation) -> [Breakage]

    /// Why an operation can't be made to fail here.
    var unbroken: [DriverOperation: String] { get }

    /// Places in an operation at which it can be held, to be cancelled there, from early to late. What changes
    /// something has one that is certain, or ``unheld`` says why not.
    func holds(of operation: DriverOperation) -> [Hold]

    /// Why an operation can't be cancelled on its way here.
    var unheld: [DriverOperation: String] { get }

    /// Makes the guest's next move to the neighbour last so long that something can be said to it meanwhile.
    ///
    /// - Returns: what lets the move go on, or makes it fast again.
    func slowMove(of instance: Instance) async throws -> @Sendable () async -> Void

    /// Leaves with a running guest what a worker leaves that dies while it makes a snapshot.
    func abandonSnapshot(of instance: Instance) async throws
}

/// A way to make an operation fail.
public struct Breakage: Sendable {
    public let name: String
    let apply: @Sendable (Instance) async throws -> Void
    let mend: @Sendable (Instance) async throws -> Void

    /// - Parameters:
    ///   - apply: makes the next call of the operation for the instance fail.
    ///   - mend: takes that back, before it is looked whether the host is as it was.
    public init(
        _ name: String, apply: @escaping @Sendable (Instance) async throws -> Void,
        mend: @escaping @Sendable (Instance) async throws -> Void
    ) {
        self.name = name
        self.apply = apply
        self.mend = mend
    }
}

/// A place at which a call can be cancelled.
public struct Hold: Sendable {
    public let name: String
    /// Whether a call surely comes to it and can't have ended before.
    let isCertain: Bool
    let apply: @Sendable () async throws -> Void
    let reached: @Sendable () async -> Void
    let letGo: @Sendable () async -> Void

    /// - Parameters:
    ///   - isCertain: whether the call can't end before it is let go; else it may come too late to be cancelled.
    ///   - apply: gets ready for the next call of the operation.
    ///   - reached: returns when the call is there.
    ///   - letGo: lets the call, which was cancelled meanwhile, go on, and ends the wait in `reached`; may come twice.
    public init(
        _ name: String, isCertain: Bool, apply: @escaping @Sendable () async throws -> Void = {},
        reached: @escaping @Sendable () async -> Void, letGo: @escaping @Sendable () async -> Void = {}
    ) {
        self.name = name
        self.isCertain = isCertain
        self.apply = apply
        self.reached = reached
        self.letGo = letGo
    }
}
