// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// Which instances were deleted here, and since when: a build that was asked for before that and comes after it is not
/// to begin. Bounded like the record of done work, from which it is filled at start.
typealias DeletedInstances = InstanceMemory<Timestamp>

extension InstanceMemory<Timestamp> {
    /// When the delete of the instance was asked for; nil where there was none, or it is forgotten.
    func moment(_ id: InstanceID) -> Timestamp? { self[id] }

    func note(_ id: InstanceID, askedFor moment: Timestamp) { note(id, moment) }
}
