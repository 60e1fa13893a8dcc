// SPDX-License-Identifier: Apache-2.0

internal import CLibvirt

extension Domain {
    /// Has the guest's agent set a user's password (`virDomainSetUserPassword`).
    public func setPassword(_ password: String, of user: String) async throws(LibvirtError) {
        try await call("virDomainSetUserPassword") { done(virDomainSetUserPassword($0, user, password, 0)) }
    }

    /// Has the guest's agent bring its file systems to rest (`virDomainFSFreeze`).
    public func freezeFileSystems() async throws(LibvirtError) {
        try await call("virDomainFSFreeze", on: .long) { virDomainFSFreeze($0, nil, 0, 0) >= 0 ? () : nil }
    }

    /// Has the guest's agent let its file systems go on (`virDomainFSThaw`).
    public func thawFileSystems() async throws(LibvirtError) {
        try await call("virDomainFSThaw", on: .long) { virDomainFSThaw($0, nil, 0, 0) >= 0 ? () : nil }
    }
}
