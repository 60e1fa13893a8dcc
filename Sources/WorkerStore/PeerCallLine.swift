// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// The trace of one call, or one cast, to another service that was made for a journaled request.
public struct PeerCallLine: Sendable, Hashable {
    /// Its place among the calls of its request, from 1.
    public let number: Int
    /// The service: `network`, `volume`, `consoleauth`, `compute`; of a cast its topic.
    public let peer: String
    public let method: String
    public let begunAt: Timestamp
    /// When the answer came or was given up, or the broker took the cast; nil before, or where the worker ended before.
    public let endedAt: Timestamp?
    /// `ok`, or why there was no result; nil as long as there is no end. Of a cast `not sent yet`, then `sent`, or why
    /// it was not.
    public let outcome: String?
}
