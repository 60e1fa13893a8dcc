// SPDX-License-Identifier: Apache-2.0

import ComputeModel

extension MethodRow {
    /// Questions change nothing and tell nothing.
    static let reads: [MethodRow] = [
        MethodRow("get_console_output", ["tail_length": nil]), MethodRow("get_host_uptime", of: false),
        MethodRow("get_diagnostics"), MethodRow("get_vnc_console", ["console_type": "novnc"]),
        MethodRow("validate_console_port", ["port": 5900, "console_type": "novnc"]),
        MethodRow("get_console_pool_info", ["console_type": "novnc"], of: false),
        MethodRow("get_console_topic", of: false),
    ]
}
