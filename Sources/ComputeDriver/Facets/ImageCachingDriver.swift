// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that keep images on the host from one build to the next.
public protocol ImageCachingDriver: ComputeDriver {
    /// Removes what no instance of `inUse` needs and is old enough; says what it did. Nova: `manage_image_cache`.
    func manageImageCache(inUse instances: [Instance]) async throws -> ImageCacheReport

    /// Fetches an image ahead of its first build; true if it was not here before. Nova: `cache_image`.
    func cacheImage(_ image: LocalImage) async throws -> Bool
}
