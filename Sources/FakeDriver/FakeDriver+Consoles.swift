// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel

extension FakeDriver: ConsoleOutputDriver {
    public func consoleOutput(_ instance: Instance) async throws -> [UInt8] {
        try await perform(.consoleOutput, on: instance.id) { state throws(ComputeFault) in
            _ = try state.guest(instance.id)
            return Array("FAKE CONSOLE OUTPUT\nANOTHER\nLAST LINE".utf8)
        }
    }
}

extension FakeDriver: VNCConsoleDriver {
    public func vncConsole(_ instance: Instance) async throws -> ConsoleEndpoint {
        try await console(.vncConsole, instance, port: 5900)
    }
}

extension FakeDriver: SPICEConsoleDriver {
    public func spiceConsole(_ instance: Instance) async throws -> ConsoleEndpoint {
        try await console(.spiceConsole, instance, port: 5901)
    }
}

extension FakeDriver: SerialConsoleDriver {
    public func serialConsole(_ instance: Instance) async throws -> ConsoleEndpoint {
        try await console(.serialConsole, instance, port: 10_000)
    }
}

extension FakeDriver: MKSConsoleDriver {
    public func mksConsole(_ instance: Instance) async throws -> ConsoleEndpoint {
        try await console(.mksConsole, instance, port: 902)
    }
}

extension FakeDriver: ConsolePoolDriver {
    public func consolePool(_ consoleType: String) async throws -> ConsolePool {
        try await perform(.consolePool) { _ in
            ConsolePool(address: address, username: "fakeuser", password: Secret("fakepassword"))
        }
    }
}

extension FakeDriver {
    private func console(
        _ operation: DriverOperation, _ instance: Instance, port: Int
    ) async throws -> ConsoleEndpoint {
        try await perform(operation, on: instance.id) { state throws(ComputeFault) in
            guard try state.guest(instance.id).isOn else {
                throw ComputeFault(.consoleNotAvailable, "The guest is off: it has no screen.", instance: instance.id)
            }
            return ConsoleEndpoint(host: address, port: port, internalAccessPath: "FAKE")
        }
    }
}
