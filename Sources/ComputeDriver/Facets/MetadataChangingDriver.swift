// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that tell a guest of changes of its metadata.
public protocol MetadataChangingDriver: ComputeDriver {
    /// Nova: `change_instance_metadata`.
    func changeMetadata(of instance: Instance, _ changes: [MetadataChange]) async throws
}
