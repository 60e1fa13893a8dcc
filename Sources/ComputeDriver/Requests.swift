// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// All that a driver needs to build a guest.
public struct SpawnRequest: Sendable {
    public let instance: Instance
    /// The image to boot from; nil only for a driver that needs none (fake).
    public let image: LocalImage?
    /// Files to put into the guest before its first boot: path and base64 text.
    public let injectedFiles: Secret<[InjectedFile]>
    public let adminPassword: Secret<String>?
    /// The network interfaces as the network service describes them; empty for a guest without network.
    public let networkInfo: [JSONValue]

    public init(
        instance: Instance, image: LocalImage?, injectedFiles: Secret<[InjectedFile]> = Secret([]),
        adminPassword: Secret<String>? = nil, networkInfo: [JSONValue] = []
    ) {
        self.instance = instance
        self.image = image
        self.injectedFiles = injectedFiles
        self.adminPassword = adminPassword
        self.networkInfo = networkInfo
    }
}

/// A file to put into a guest.
public struct InjectedFile: Sendable, Hashable {
    public let path: String
    /// The contents in base64.
    public let contents: String

    public init(path: String, contents: String) {
        self.path = path
        self.contents = contents
    }
}

/// How hard to reboot.
public enum RebootType: String, Sendable, Hashable, CaseIterable {
    /// Ask the guest, then fall back to a hard reboot.
    case soft = "SOFT"
    /// Reset the guest without asking.
    case hard = "HARD"
}

/// A reboot of one guest.
public struct RebootRequest: Sendable {
    public let instance: Instance
    public let type: RebootType

    public init(instance: Instance, type: RebootType) {
        self.instance = instance
        self.type = type
    }
}
