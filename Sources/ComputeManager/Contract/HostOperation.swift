// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// An operation that changes the host and names no instance: journaled, in the host's lane, taken up again after a
/// restart.
protocol HostOperation: JournaledOperation where Step == HostStep {
    /// The answer of one that a restart of the worker shows to be done; nil where it is asked for again, which does no
    /// harm then.
    static func provenByRestart(_ arguments: Arguments) -> Output?

    static func perform(_ arguments: Arguments, in run: HostRun) async throws -> Output
}

/// Where a host's operation stands.
enum HostStep: String, Codable, Sendable, Hashable {
    /// The driver was asked, or is about to be.
    case asking
}

/// What a host's operation is given to do its work with.
struct HostRun: Sendable {
    let services: ManagerServices
    let driver: DriverGateway
    let token: InterruptionToken
}

extension HostOperation {
    static var events: [String] { [] }
    static var slot: SlotKind { .change }
    static func provenByRestart(_ arguments: Arguments) -> Output? { nil }
}
