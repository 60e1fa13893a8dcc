// SPDX-License-Identifier: Apache-2.0

internal import WorkerStore

/// Why a command of the program did not do what was asked, and with which status it ends.
public struct ProgramFailure: Error, Sendable, CustomStringConvertible {
    /// The sorts of failure, with the statuses of sysexits.h.
    public enum Kind: Sendable, Hashable {
        /// The other side did what was asked and failed.
        case failed
        /// An argument of the command is wrong.
        case usage
        /// The journal has no operation of that id.
        case unknownOperation
        /// What the program needs is not to be had now: a peer, the disk, a state directory that another worker holds.
        case unavailable
        /// No answer came in time.
        case timeout
        /// Another worker serves the host.
        case held
        /// The operation is past the point where it could be given up.
        case notCancellable
        /// The configuration, or what it points at, is wrong; starting again does not help.
        case configuration

        /// The exit status.
        public var status: Int32 {
            switch self {
            case .failed: 1
            case .usage: 64
            case .unknownOperation: 66
            case .unavailable: 69
            case .held: 73
            case .timeout: 75
            case .notCancellable: 77
            case .configuration: 78
            }
        }
    }

    public let kind: Kind
    public let description: String

    public init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    public var status: Int32 { kind.status }
}

extension ProgramFailure {
    /// The same status for the same failure, at the start and later.
    init(_ error: StoreError) {
        let kind: Kind =
            switch error.code {
            case .inUse, .diskFull, .inputOutput, .database, .noSuchEntry, .closed: .unavailable
            case .newerSchema, .damaged, .notAccessible, .badConfiguration: .configuration
            }
        self.init(kind, "\(error)")
    }
}

extension ProgramFailure {
    /// What kept a command from the worker that runs.
    init(_ fault: ControlFault) {
        let kind: Kind =
            switch fault.code {
            case .timedOut: .timeout
            case .malformed, .failed: .failed
            case .noWorker, .notAccessible: .unavailable
            }
        self.init(kind, fault.message)
    }
}
