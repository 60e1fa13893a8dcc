// SPDX-License-Identifier: Apache-2.0

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
