// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Where images come from; what it returns lies on this host and may be used as it is.
public protocol ImageService: Sendable {
    /// The image with its kernel and RAM disk, checked to be what its metadata says.
    ///
    /// - Parameters:
    ///   - kernelID: the kernel to boot instead of the one that the image's metadata names.
    ///   - ramdiskID: likewise for the RAM disk.
    /// - Throws: ``ComputeFault`` of kind `imageNotFound`, `imageUnacceptable` or `unavailable`; the text names no
    ///   path. `CancellationError` soon after its task is cancelled.
    func image(_ id: String, kernelID: String?, ramdiskID: String?) async throws -> LocalImage
}
