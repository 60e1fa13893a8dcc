// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Tells a guest of its network. Nova: `inject_network_info`.
enum InjectNetworkInfo: RefreshOperation {
    static let name = OperationName(rawValue: "inject_network_info")
    static let summary = "tells a guest of its network"
    static let needs: [DriverOperation] = [.injectNetworkInfo]

    static func refresh(_ guest: GuestRequest, in run: OperationRun<InjectNetworkInfo>) async throws {
        try await run.driver.injectNetworkInfo(guest, interruptedBy: run.token)
    }
}
