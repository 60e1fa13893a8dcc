// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// What one look after the image cache came to.
public struct ImageCacheReport: Sendable, Hashable {
    public let kept: Int
    public let removed: Int
    public let freed: ByteCount

    public init(kept: Int, removed: Int, freed: ByteCount) {
        self.kept = kept
        self.removed = removed
        self.freed = freed
    }
}
