// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager

/// What the histories together must have come to: every step of every journaled operation, taken up again after a
/// crash, and each operation without steps carried out after a crash in its middle. Read from the table of the
/// operations, so that a new one is asked for by itself.
public enum Coverage {
    /// A step of an operation, by the names that the journal has for them.
    public struct Pair: Sendable, Hashable {
        public let method: String
        public let step: String

        public var name: String { "\(method): \(step)" }

        /// Whether it is come to only after something has failed.
        var needsFailure: Bool { ["undoing", "rollingBack", "takingBack", "takenBack"].contains(step) }

        /// Whether it is come to only after the host was started anew.
        var needsHostBoot: Bool { method == "resume_state_on_host_boot" }

        /// What must be able to happen so that it is come to, and is cut off.
        var faults: [FaultKind] {
            [.crash] + (needsFailure ? Coverage.failures : []) + (needsHostBoot ? [.hostBoot] : [])
        }
    }

    public static let pairs: [Pair] = journaled.flatMap { method in
        (method.steps.isEmpty ? [begun] : method.steps).map { Pair(method: method.method, step: $0) }
    }

    /// Stands for the step of an operation that has none, and so no note in the journal: it was under way.
    static let begun = "begun"

    /// Steps that no history has to be seen to take up again, with the reason.
    public static let exceptions = [
        "resize_instance: takenBack": "it stands between two commits that follow one another; the twins' tests die there"
    ]

    /// Every operation that is journaled.
    public static let methods = journaled.map(\.method)

    private static let journaled =
        FolsomDialect.table.methods.filter { !$0.isReadOnly } + FolsomDialect.table.ownMethods

    static let names = Set(pairs.map(\.name))

    static func hasNoSteps(_ method: String) -> Bool { names.contains("\(method): \(begun)") }

    /// What a history may aim at.
    static let targets = pairs.filter { exceptions[$0.name] == nil }.flatMap {
        // What is seldom come to is aimed at more often.
        Array(repeating: $0, count: $0.needsFailure || Wish.Method.way(to: $0.method).count > 2 ? 3 : 1)
    }

    /// What makes an operation fail in its middle.
    static let failures: [FaultKind] = [.callFails, .serviceRefuses, .serviceAway]
}

extension Wish.Method {
    /// What is asked for, one after the other, so that an operation comes about.
    static func way(to method: String) -> [Wish.Method] {
        switch method {
        case "unpause_instance": [.run, .pause, .unpause]
        case "resume_instance": [.run, .suspend, .resume]
        case "unrescue_instance": [.run, .rescue, .unrescue]
        case "start_instance": [.run, .stop, .start]
        case "power_on_instance": [.run, .powerOff, .powerOn]
        case "resize_instance", "finish_resize": [.run, .prepareResize]
        case "confirm_resize": [.run, .prepareResize, .confirmResize]
        case "revert_resize", "finish_revert_resize": [.run, .prepareResize, .revertResize]
        case "detach_volume": [.run, .attachVolume, .detachVolume]
        case "remove_volume_connection": [.run, .attachVolume, .removeVolumeConnection]
        case "post_live_migration_at_destination": [.prepareLiveMigration, .finishLiveMigration]
        case "rollback_live_migration_at_destination": [.prepareLiveMigration, .rollBackLiveMigration]
        default:
            if let wish = allCases.first(where: { $0.name == method }) {
                wish == .run || wish.isHosts || wish.isAboutArrivals ? [wish] : [.run, wish]
            } else {
                [.run]
            }
        }
    }
}
