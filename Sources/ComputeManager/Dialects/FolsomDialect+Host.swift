// SPDX-License-Identifier: Apache-2.0

extension FolsomDialect {
    /// The host itself.
    static let host: [any MethodBinding] = []
}
