// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Libvirt

extension ComputeFault {
    /// What a failed call to libvirt means to the one who asked; libvirt's own words without the paths of the host.
    static func libvirt(_ error: LibvirtError, instance: InstanceID? = nil) -> ComputeFault {
        let words = SafeText.withoutPaths(error.message)
        switch error.kind {
        case .timeout: return ComputeFault(.timeout, "libvirt is overdue: \(words).", instance: instance)
        case .exhausted, .disconnected: return ComputeFault(.unavailable, "\(words).", instance: instance)
        case .credentials:
            return ComputeFault(
                .unavailable, "\(words) (connection_username, connection_password).", instance: instance,
                isRetriable: false)
        case .cancelled: return ComputeFault(.superseded, "\(words).", instance: instance)
        case .library:
            if error.code == .noDomain, let instance { return .instanceNotFound(instance) }
            if error.isConnectionLost {
                return ComputeFault(.unavailable, "libvirt was lost during a call: \(words).", instance: instance)
            }
            // Not every hypervisor under libvirt has each of its calls.
            if error.code == .noSupport {
                return ComputeFault(
                    .unsupportedOperation, "The hypervisor does not support it: \(words).", instance: instance)
            }
            return ComputeFault(
                .hypervisorFailure, "libvirt refused \(error.operation): \(words).", instance: instance,
                isRetriable: error.code != .operationDenied && error.code != .xmlError)
        }
    }
}
