// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel
internal import Synchronization

extension FakeDriver: PoweringDriver {
    public func powerOff(_ instance: Instance) async throws {
        try await perform(.powerOff, on: instance.id) { state throws(ComputeFault) in
            let guest = try state.guest(instance.id)
            if guest.powerState != .shutdown { state.stop(guest) }
        }
    }

    public func powerOn(_ instance: Instance) async throws {
        try await perform(.powerOn, on: instance.id) { state throws(ComputeFault) in
            let guest = try state.guest(instance.id)
            if guest.powerState != .running { state.boot(guest) }
        }
    }
}

extension FakeDriver: ConsoleOutputDriver {
    public func consoleOutput(_ instance: Instance) async throws -> [UInt8] {
        try await perform(.consoleOutput, on: instance.id) { state throws(ComputeFault) in
            _ = try state.guest(instance.id)
            return Array("FAKE CONSOLE OUTPUT\nANOTHER\nLAST LINE".utf8)
        }
    }
}

extension FakeDriver: HostUptimeDriver {
    public func hostUptime() async throws -> String {
        try await perform(.hostUptime) { _ in
            " 12:00:00 up 1 day,  0:00,  0 users,  load average: 0.00, 0.00, 0.00"
        }
    }
}

extension FakeDriver: LifecycleEventDriver {
    public func lifecycleEvents() -> AsyncStream<LifecycleEvent> {
        let (stream, listener) = AsyncStream<LifecycleEvent>.makeStream(bufferingPolicy: .bufferingNewest(256))
        let number = state.withLock { state in
            state.listenersMade += 1
            state.listeners[state.listenersMade] = listener
            return state.listenersMade
        }
        listener.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.listeners.removeValue(forKey: number) }
        }
        return stream
    }
}
