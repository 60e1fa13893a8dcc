// SPDX-License-Identifier: Apache-2.0

/// What is wrong with a transport URL. Holds no part of the credentials.
public struct TransportURLError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}
