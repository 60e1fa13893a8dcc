// SPDX-License-Identifier: Apache-2.0

/// Drivers that exchange a volume under a running guest.
public protocol VolumeSwappingDriver: ComputeDriver {
    /// Copies the old volume onto the new one and lets the guest go on with that. Nova: `swap_volume`.
    func swapVolume(_ request: SwapVolumeRequest) async throws
}
