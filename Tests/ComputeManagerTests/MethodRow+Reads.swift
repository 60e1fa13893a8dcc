// SPDX-License-Identifier: Apache-2.0

import ComputeModel

extension MethodRow {
    /// Questions change nothing and tell nothing.
    static let reads: [MethodRow] = [
        MethodRow("get_console_output", ["tail_length": nil]), MethodRow("get_host_uptime", of: false),
    ]
}
