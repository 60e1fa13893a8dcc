// SPDX-License-Identifier: Apache-2.0

/// A directory of a file share that a guest is to see.
public struct FileShare: Sendable, Hashable {
    public let id: String
    /// `server:/path`.
    public let export: String
    /// By which the guest mounts it.
    public let tag: String

    public init(id: String, export: String, tag: String) {
        self.id = id
        self.export = export
        self.tag = tag
    }
}
