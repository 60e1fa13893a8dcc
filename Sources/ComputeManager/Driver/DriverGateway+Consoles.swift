// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Questions about guests' consoles and counters; each is refused where the driver's type lacks its facet.
extension DriverGateway {
    func diagnostics(_ instance: Instance) async throws -> JSONObject {
        guard let driver = driver as? any DiagnosingDriver else {
            throw driver.unsupported(.diagnostics, instance: instance.id)
        }
        return try await call(.diagnostics, on: instance.id) { try await driver.diagnostics(instance) }
    }

    func vncConsole(_ instance: Instance) async throws -> ConsoleEndpoint {
        guard let driver = driver as? any VNCConsoleDriver else {
            throw driver.unsupported(.vncConsole, instance: instance.id)
        }
        return try await call(.vncConsole, on: instance.id) { try await driver.vncConsole(instance) }
    }

    func consolePool(_ type: String) async throws -> ConsolePool {
        guard let driver = driver as? any ConsolePoolDriver else { throw driver.unsupported(.consolePool) }
        return try await call(.consolePool) { try await driver.consolePool(type) }
    }
}
