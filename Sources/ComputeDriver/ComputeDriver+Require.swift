// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

extension ComputeDriver {
    /// This driver as one with a facet, or the refusal of the operation that needs it; nothing is asked of the
    /// hypervisor.
    public func require<Facet>(
        _ facet: Facet.Type, for operation: DriverOperation, instance: InstanceID? = nil
    ) throws(ComputeFault) -> Facet {
        guard let driver = self as? Facet else { throw unsupported(operation, instance: instance) }
        return driver
    }
}
