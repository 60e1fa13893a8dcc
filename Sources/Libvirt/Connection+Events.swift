// SPDX-License-Identifier: Apache-2.0

internal import CLibvirt

extension Connection {
    /// Calls `handler` for every change in the life of any domain, until the connection is closed or lost
    /// (`virConnectDomainEventRegisterAny`).
    ///
    /// The handler runs on the thread of libvirt's event loop, which serves every connection of the process: it must
    /// hand over and return.
    public func onLifecycleEvent(_ handler: @escaping @Sendable (DomainEvent) -> Void) async throws(LibvirtError) {
        let handle = handle
        let box = CallbackBox<DomainEvent>(handler)
        let operation = "virConnectDomainEventRegisterAny"
        try await lanes.run(operation, on: .short, isAbandonable: true) { () throws(LibvirtError) in
            virResetLastError()
            let retained = Unmanaged.passRetained(box)
            let registration = clibvirt_register_lifecycle(
                handle.pointer, lifecycleChanged, retained.toOpaque(), releaseBox)
            guard registration >= 0 else {
                retained.release()
                throw LibvirtError.last(operation)
            }
            handle.add(registration)
        }
    }
}
