// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// What a test can see of the effects for which the contract has no question.
extension FakeDriver {
    /// A guest with all that was done to it; nil where there is none.
    public func guest(_ id: InstanceID) -> FakeGuest? { state.withLock { $0.guests[id] } }

    /// What the host knows beside its guests.
    public var host: FakeHost { state.withLock { $0.host } }
}
