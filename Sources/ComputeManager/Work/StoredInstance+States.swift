// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

extension StoredInstance {
    static let stateSinceKey = "state_since"

    /// Since when the instance has its vm and task state; nil for a row that an earlier worker wrote.
    var stateSince: Timestamp? {
        get { details[Self.stateSinceKey]?.int.map { Timestamp(microseconds: Int64($0)) } }
        set { details[Self.stateSinceKey] = newValue.map { JSONValue(Int($0.microseconds)) } }
    }
}
