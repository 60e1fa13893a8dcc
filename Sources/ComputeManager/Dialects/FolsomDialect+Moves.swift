// SPDX-License-Identifier: Apache-2.0

extension FolsomDialect {
    /// To another size or another host.
    static let moves: [any MethodBinding] = []
}
