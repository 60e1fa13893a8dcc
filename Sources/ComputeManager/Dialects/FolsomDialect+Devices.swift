// SPDX-License-Identifier: Apache-2.0

extension FolsomDialect {
    /// What is plugged into a guest.
    static let devices: [any MethodBinding] = []
}
