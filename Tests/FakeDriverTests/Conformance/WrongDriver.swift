// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import FakeDriver

/// A driver that breaks one promise of the contract, to see that the conformance suite notices.
struct WrongDriver: ComputeDriver, PausingDriver, SnapshottingDriver, PoweringDriver, VNCConsoleDriver {
    enum Vice: CaseIterable {
        /// Says that a guest is paused, and does nothing.
        case forgetsToPause
        /// Fails when the guest is paused already.
        case pausesOnce
        /// Succeeds for a guest that is not there.
        case stopsGuestsThatAreNone
        /// Leaves a guest behind when a build fails.
        case leavesGuestsBehind
        /// Leaves a file behind when a snapshot is cancelled.
        case leavesFilesBehind
        /// Goes on with a snapshot that is cancelled.
        case isDeafToCancellation
        /// Throws what nobody knows.
        case throwsAnything
        /// Builds a guest anew that is there.
        case buildsTwice
        /// Changes a guest that it is only asked about.
        case changesWhatItReads
        /// Restarts a guest that it is to pause.
        case restartsGuests
        /// Tells of a screen that a guest does not have.
        case inventsScreens
        /// Pauses a guest though that was cancelled.
        case pausesAllTheSame
        /// Pauses a guest though that was cancelled, and says that it did not.
        case pausesInSecret
        /// Does nothing when it is to reboot softly.
        case forgetsToRebootSoftly
        /// Reboots hard when it is to ask the guest first.
        case neverAsks
        /// Leaves what a worker that died has left.
        case forgetsToDiscard
        /// Stops a guest of whose snapshot it is to remove what is left.
        case discardsGuests
        /// Does nothing when it is to give a move up.
        case forgetsToAbort
        /// Does nothing when it is to hurry a move, but looks whether there is one.
        case forgetsToForce
    }

    static let name = DriverName(rawValue: "wrong.WrongDriver")
    static let caveats: [DriverOperation: String] = [:]
    static let acceptedSpawnArguments: Set<SpawnArgument> = []
    static let needsImage = false

    let fake: FakeDriver
    let vice: Vice?

    func start() async throws {}
    func run() async throws {}
    func summary() async -> String { "wrong" }
    func instances() async throws -> [InstanceSummary] { try await fake.instances() }
    func info(_ instance: InstanceID) async throws -> InstanceInfo { try await fake.info(instance) }
    func reboot(_ request: RebootRequest) async throws {
        if vice == .forgetsToRebootSoftly, request.type == .soft { return }
        let type = vice == .neverAsks ? .hard : request.type
        try await fake.reboot(RebootRequest(instance: request.instance, type: type))
    }

    func destroy(_ instance: Instance) async throws { try await fake.destroy(instance) }

    func spawn(_ request: SpawnRequest) async throws {
        if vice == .buildsTwice, fake.guest(request.instance.id) != nil {
            return try await fake.destroy(request.instance)
        }
        do {
            try await fake.spawn(request)
        } catch {
            if vice == .throwsAnything { throw Anything() }
            if vice == .leavesGuestsBehind { fake.outsideChange(request.instance.id, to: .shutdown) }
            throw error
        }
    }

    private struct Anything: Error {}

    func hostResources() async throws -> HostResources {
        if vice == .changesWhatItReads, let guest = try await fake.instances().first {
            fake.outsideChange(guest.id, to: .paused)
        }
        return try await fake.hostResources()
    }

    func powerOff(_ instance: Instance) async throws {
        if vice == .stopsGuestsThatAreNone, fake.guest(instance.id) == nil { return }
        try await fake.powerOff(instance)
    }

    func powerOn(_ instance: Instance) async throws { try await fake.powerOn(instance) }

    func pause(_ instance: Instance) async throws {
        switch vice {
        case .forgetsToPause: _ = try await fake.info(instance.id)
        case .pausesOnce where fake.guest(instance.id)?.powerState == .paused:
            throw ComputeFault(.instanceInvalidState, "It is paused.", instance: instance.id)
        case .restartsGuests:
            try await fake.reboot(RebootRequest(instance: instance, type: .hard))
            try await fake.pause(instance)
        case .pausesAllTheSame, .pausesInSecret:
            do {
                try await fake.pause(instance)
            } catch let error as CancellationError {
                fake.outsideChange(instance.id, to: .paused)
                if vice == .pausesInSecret { throw error }
            }
        default: try await fake.pause(instance)
        }
    }

    func unpause(_ instance: Instance) async throws { try await fake.unpause(instance) }

    func snapshot(_ request: SnapshotRequest) async throws -> SnapshotResult {
        do {
            return try await fake.snapshot(request)
        } catch {
            switch vice {
            case .leavesFilesBehind: try FakeFiles.system.write([1], to: request.path)
            case .isDeafToCancellation where error is CancellationError:
                return SnapshotResult(diskFormat: "raw", virtualSize: .kib(1), size: .kib(1))
            default: break
            }
            throw error
        }
    }

    func discardSnapshot(of instance: Instance) async throws {
        if vice == .forgetsToDiscard { return }
        try await fake.discardSnapshot(of: instance)
        if vice == .discardsGuests, fake.guest(instance.id) != nil { try await fake.powerOff(instance) }
    }

    func vncConsole(_ instance: Instance) async throws -> ConsoleEndpoint {
        do {
            return try await fake.vncConsole(instance)
        } catch let fault as ComputeFault where fault.kind == .consoleNotAvailable && vice == .inventsScreens {
            return ConsoleEndpoint(host: "127.0.0.1", port: 1)
        }
    }
}
