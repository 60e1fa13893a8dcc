// SPDX-License-Identifier: Apache-2.0

/// How a connection to a hypervisor is opened.
public struct ConnectionConfiguration: Sendable {
    /// What the connection may do.
    public enum Access: Sendable, Hashable {
        case readOnly
        case readWrite
    }

    /// libvirt's name of the hypervisor (`qemu:///system`); nil for libvirt's own default.
    public var uri: String?
    public var access: Access
    /// Called on a lane's thread when libvirt asks for a credential; nil refuses, and the opening fails with a sentence
    /// that says what was wanted.
    public var credentials: @Sendable (CredentialRequest) -> String?
    /// How often a silent peer is asked whether it lives, and how many answers may be missing before the connection
    /// counts as lost. Nil for no such questions.
    public var keepAlive: (interval: Duration, count: Int)?
    /// How long the opening may take.
    public var openDeadline: Duration

    public init(
        uri: String?, access: Access = .readWrite,
        credentials: @escaping @Sendable (CredentialRequest) -> String? = { _ in nil },
        keepAlive: (interval: Duration, count: Int)? = (.seconds(5), 3),
        openDeadline: Duration = .seconds(30)
    ) {
        self.uri = uri
        self.access = access
        self.credentials = credentials
        self.keepAlive = keepAlive
        self.openDeadline = openDeadline
    }
}
