// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that plug volumes into a guest, running or not.
public protocol VolumeAttachingDriver: ComputeDriver {
    /// What this host is to a volume's storage. Nova: `get_volume_connector`.
    func volumeConnector(for instance: Instance) async throws -> VolumeConnector

    /// Plugs a volume in under its device name; success if that volume is there already, `invalid` if another is.
    /// Nova: `attach_volume`.
    func attachVolume(_ device: BlockDevice, to instance: Instance) async throws

    /// Unplugs a volume and returns when the guest has let go of it; success if it is not there, nor the
    /// guest. Nova: `detach_volume`.
    func detachVolume(_ device: BlockDevice, from instance: Instance) async throws
}
