// SPDX-License-Identifier: Apache-2.0

/// Drivers that tell how much the guests' volumes were used.
public protocol VolumeUsageReportingDriver: ComputeDriver {
    /// Counters since each guest's start, one for each volume. Nova: `get_all_volume_usage`.
    func volumeUsage(of guests: [GuestRequest]) async throws -> [VolumeUsage]
}
