// SPDX-License-Identifier: Apache-2.0

/// What a connection is doing.
public enum ConnectionState: Sendable, Equatable {
    /// Not run yet.
    case idle
    /// The address, without credentials.
    case connecting(String)
    /// Everything is declared; a consumer consumes. The names of its queues, in the order of its subscriptions.
    case ready(queues: [String])
    /// The broker takes nothing from publishers, for the reason it gives. `ready` follows when that is over.
    case blocked(String)
    /// Ended by an error; the next attempt follows after the delay.
    case lost(BrokerError, retryIn: Duration)
    case closed

    /// Whether there is a connection.
    public var isUp: Bool {
        switch self {
        case .ready, .blocked: true
        default: false
        }
    }
}
