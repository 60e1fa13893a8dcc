// SPDX-License-Identifier: Apache-2.0

/// What a rescue boots from, nova's `rescue_image_id`, `rescue_kernel_id` and `rescue_ramdisk_id`.
public struct RescueImages: Sendable, Hashable {
    /// Nil for the instance's own image.
    public var imageID: String?
    /// Nil for those of the image.
    public var kernelID: String?
    public var ramdiskID: String?

    public init(imageID: String? = nil, kernelID: String? = nil, ramdiskID: String? = nil) {
        self.imageID = imageID
        self.kernelID = kernelID
        self.ramdiskID = ramdiskID
    }
}
