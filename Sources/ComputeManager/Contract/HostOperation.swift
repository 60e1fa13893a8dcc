// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// An operation that changes the host and names no instance: journaled, in the host's lane, taken up again after a
/// restart.
protocol HostOperation: JournaledOperation where Step == HostStep {
    /// The answer of one that a new start of the machine shows to be done; nil where it is asked for again, which does
    /// no harm then.
    static func provenByReboot(_ arguments: Arguments) -> Output?

    static func perform(_ arguments: Arguments, in run: HostRun) async throws -> Output
}

/// Where a host's operation stands.
enum HostStep: String, CaseIterable, Codable, Sendable, Hashable {
    /// The driver was asked, or is about to be.
    case asking

    /// As the journal keeps it, with the start of the machine in which that was.
    static func encoded(bootID: String?) -> [UInt8] {
        JSONWriter.bytes(.array([.string(asking.rawValue)] + (bootID.map { [.string($0)] } ?? [])))
    }

    /// Whether a step was begun in that start of the machine; one that does not say may have been begun before.
    static func isOf(bootID: String?, _ step: [UInt8]) -> Bool {
        guard let bootID, let words = (try? JSONParser.parse(step))?.array, words.count == 2 else { return false }
        return words[1] == .string(bootID)
    }
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
    static func provenByReboot(_ arguments: Arguments) -> Output? { nil }
}
