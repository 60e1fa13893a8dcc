// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that can find out whether two hosts see the same instance directory.
public protocol SharedStorageProbingDriver: ComputeDriver {
    /// Leaves a mark that the other host looks for; nil where the storage can't be shared.
    /// Nova: `check_instance_shared_storage_local`.
    func leaveStorageMark(for instance: Instance) async throws -> JSONObject?

    /// Whether the mark is seen from here. Nova: `check_instance_shared_storage_remote`.
    func seesStorageMark(_ mark: JSONObject) async throws -> Bool

    /// Removes the mark; idempotent. Nova: `check_instance_shared_storage_cleanup`.
    func removeStorageMark(_ mark: JSONObject) async throws
}
