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
        try await call("virConnectDomainEventRegisterAny") { connection -> Void? in
            let retained = Unmanaged.passRetained(box)
            let registration = clibvirt_register_lifecycle(
                connection, lifecycleChanged, retained.toOpaque(), releaseBox)
            guard registration >= 0 else {
                retained.release()
                return nil
            }
            handle.add(registration)
            return ()
        }
    }
}
