// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that tell how much went through the guests' interfaces.
public protocol BandwidthReportingDriver: ComputeDriver {
    /// Counters since each guest's start, one for each interface. Nova: `get_all_bw_usage`.
    func bandwidth(of instances: [Instance]) async throws -> [InterfaceUsage]
}
