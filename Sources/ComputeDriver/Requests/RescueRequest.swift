// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// A boot from a rescue image.
public struct RescueRequest: Sendable {
    public let instance: Instance
    /// The image to boot from; nil for a driver that needs none.
    public let image: LocalImage?
    /// The administrator's password in the rescue system.
    public let password: Secret<String>?
    /// The guest's interfaces as the network service describes them.
    public let networkInfo: [JSONValue]
    /// The guest's volumes.
    public let blockDevices: [BlockDevice]

    public init(
        instance: Instance, image: LocalImage?, password: Secret<String>? = nil, networkInfo: [JSONValue] = [],
        blockDevices: [BlockDevice] = []
    ) {
        self.instance = instance
        self.image = image
        self.password = password
        self.networkInfo = networkInfo
        self.blockDevices = blockDevices
    }
}
