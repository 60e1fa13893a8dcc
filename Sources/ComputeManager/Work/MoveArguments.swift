// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// The arguments of what ends a resize.
struct MoveArguments: Sendable {
    let moving: MovingInstance
    /// The number by which the other services know the migration; what is kept of it here is the row's.
    let migrationID: Int
    /// Quota reservations of nova's API, handed on.
    let reservations: JSONValue
}
