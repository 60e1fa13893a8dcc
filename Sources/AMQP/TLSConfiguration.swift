// SPDX-License-Identifier: Apache-2.0

/// TLS to the broker: 1.2 or later, with chain and host name verified.
public struct TLSConfiguration: Sendable, Hashable {
    /// PEM file of the authorities to trust; nil: the system's (Debian's ca-certificates).
    public var authorityFile: String?
    /// PEM file of the client's certificate and its chain.
    public var certificateFile: String?
    /// PEM file of the client's key.
    public var keyFile: String?
    /// Off: anybody's certificate is taken, whatever its name. For a test installation only.
    public var verifiesPeer: Bool
    /// Off: a certificate of a trusted authority is taken for whichever host it was made.
    public var verifiesHostName: Bool

    public init(
        authorityFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil,
        verifiesPeer: Bool = true, verifiesHostName: Bool = true
    ) {
        self.authorityFile = authorityFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.verifiesPeer = verifiesPeer
        self.verifiesHostName = verifiesHostName
    }

    static let systemAuthorities = "/etc/ssl/certs/ca-certificates.crt"
}
