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
    /// The volumes to plug in.
    public let blockDevices: [BlockDevice]
    /// Hears how far it is.
    public let progress: ProgressReporter

    public init(
        instance: Instance, image: LocalImage?, injectedFiles: Secret<[InjectedFile]> = Secret([]),
        adminPassword: Secret<String>? = nil, networkInfo: [JSONValue] = [], blockDevices: [BlockDevice] = [],
        progress: ProgressReporter = .silent
    ) {
        self.instance = instance
        self.image = image
        self.injectedFiles = injectedFiles
        self.adminPassword = adminPassword
        self.networkInfo = networkInfo
        self.blockDevices = blockDevices
        self.progress = progress
    }
}
