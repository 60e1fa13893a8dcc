// SPDX-License-Identifier: Apache-2.0

extension MethodRow {
    static let moves: [MethodRow] = []
}
