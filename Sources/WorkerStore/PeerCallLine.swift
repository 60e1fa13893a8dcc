// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// The trace of one call to another service that was made for a journaled request.
public struct PeerCallLine: Sendable, Hashable {
    /// Its place among the calls of its request, from 1.
    public let number: Int
    /// The service: `network`, `volume`, `consoleauth`, `compute`.
    public let peer: String
    public let method: String
    public let begunAt: Timestamp
    /// When the answer came or was given up; nil while it is awaited, or where the worker ended before.
    public let endedAt: Timestamp?
    /// `ok`, or why there was no result; nil as long as there is no end.
    public let outcome: String?
}
