// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Where a proxy reaches the console of one guest.
public struct ConsoleEndpoint: Sendable, Hashable {
    public let host: String
    public let port: Int
    /// What a proxy must ask for before it is let through; nil for nothing.
    public let internalAccessPath: String?

    public init(host: String, port: Int, internalAccessPath: String? = nil) {
        self.host = host
        self.port = port
        self.internalAccessPath = internalAccessPath
    }
}

/// Where the consoles of all guests of a host are served, and how to log in there.
public struct ConsolePool: Sendable {
    public let address: String
    public let username: String
    public let password: Secret<String>

    public init(address: String, username: String, password: Secret<String>) {
        self.address = address
        self.username = username
        self.password = password
    }
}
