// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeManager
import FakeDriver
import Testing
import WorkerStore

extension ManagerFixture {
    private static let pause = Duration.seconds(3600)

    /// Stops a manager while a driver call waits before its effect: the request stays unfinished, at its last
    /// checkpoint.
    func interrupt(
        at operation: DriverOperation, during body: [UInt8], plain: Bool = false, peers: Peers = .none
    ) async throws {
        let call = driver.faults.calls(of: operation) + 1
        driver.faults.plan(.delay(Self.pause), for: operation, call: call)
        try await run(plain: plain, peers: peers) { [self] manager in
            try await submit(manager, body)
            await clock.sleeper(for: Self.pause)
        }
        #expect(store.levels.unfinished == 1)
    }

    /// Starts the next manager and waits until it has done what was left.
    func restart(plain: Bool = false, peers: Peers = .none) async throws {
        try await run(plain: plain, peers: peers) { [self] _ in await idle() }
    }
}
