// SPDX-License-Identifier: Apache-2.0

extension FolsomDialect {
    /// What a guest does and holds.
    static let guests: [any MethodBinding] = []
}
