// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Libvirt

extension PowerState {
    /// nova's word for libvirt's.
    init(_ state: DomainState) {
        self =
            switch state {
            case .noState: .noState
            case .running, .blocked: .running
            case .paused: .paused
            case .shutdown, .shutoff: .shutdown
            case .crashed: .crashed
            case .pmSuspended: .suspended
            }
    }

    /// The state that an event tells of; nil for one that changes none.
    init?(_ event: DomainEvent) {
        switch event.kind {
        case .started, .resumed: self = .running
        case .suspended: self = .paused
        case .stopped: self = .shutdown
        case .crashed: self = .crashed
        case .pmSuspended: self = .suspended
        // A guest that has shut down is still there until "stopped" tells that it is off.
        case .shutdown, .defined, .undefined: return nil
        }
    }
}
