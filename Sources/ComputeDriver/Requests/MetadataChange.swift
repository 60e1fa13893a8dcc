// SPDX-License-Identifier: Apache-2.0

/// A change of one key of an instance's metadata; nova's `["+", value]` and `["-"]`.
public enum MetadataChange: Sendable, Hashable {
    case set(key: String, value: String)
    case remove(key: String)
}
