// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel
internal import Libvirt

extension LibvirtDriver: VNCConsoleDriver {
    public func vncConsole(_ instance: Instance) async throws -> ConsoleEndpoint {
        let domain = try await domain(instance.id)
        // The port is one that libvirt gives with each start.
        guard let screen = try await document(domain, instance.id).vnc else {
            throw ComputeFault(
                .consoleNotAvailable, "The guest has no VNC screen just now: it is off, or was built without one.",
                instance: instance.id, isRetriable: true)
        }
        return ConsoleEndpoint(host: configuration.vnc?.proxyAddress ?? screen.listen ?? "127.0.0.1", port: screen.port)
    }
}
