// SPDX-License-Identifier: Apache-2.0

public import WorkerStore

/// Whether requests are let in, and why not.
public enum IntakeState: Sendable, Hashable, CustomStringConvertible {
    case starting
    case consuming
    /// Too many rows are unfinished; goes on by itself when enough of them are done.
    case full(unfinished: Int)
    /// The journal can't be written; goes on by itself when it can.
    case storeFails(StoreError)
    case stopped

    public var description: String {
        switch self {
        case .starting: "starting"
        case .consuming: "consuming"
        case .full(let unfinished): "paused: \(unfinished) requests are unfinished"
        case .storeFails(let error): "paused: \(error)"
        case .stopped: "stopped"
        }
    }
}
