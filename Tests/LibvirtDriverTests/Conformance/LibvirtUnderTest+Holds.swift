// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import DriverConformance
import Synchronization
import TestSupport

@testable import Libvirt
@testable import LibvirtDriver

extension LibvirtUnderTest {
    var unheld: [DriverOperation: String] {
        let reason = servers.isEmpty ? "no libvirtd stands before its hypervisor" : "it asks libvirt for nothing"
        let all = servers.isEmpty ? Set(DriverOperation.allCases) : Self.filesOnly
        return Dictionary(uniqueKeysWithValues: all.map { ($0, reason) })
    }

    private static let filesOnly: Set<DriverOperation> = [
        .leaveStorageMark, .removeStorageMark, .cleanUpLiveMigrationCheck, .confirmMigration,
    ]

    func holds(of operation: DriverOperation) -> [Hold] {
        guard operation.pace != .question, unheld[operation] == nil else { return [] }
        // What is said to a move is tried on a guest that does not move, and is one step.
        guard isAlone, ![.forceLiveMigration, .abortLiveMigration].contains(operation) else { return [frozen] }
        return [frozen] + [2, 3, 4, 5, 6, 8, 10].map(atCall)
    }

    /// No libvirtd answers until the call is cancelled.
    private var frozen: Hold {
        let (servers, turn, watch) = (servers, turn, watch())
        return Hold("before libvirtd answers", isCertain: true) {
            await turn.take()
            do {
                for server in servers { try server.freeze() }
            } catch {
                await turn.give()
                throw error
            }
            watch.begin()
        } reached: {
            await watch.seen(1)
        } letGo: {
            guard watch.end() else { return }
            for server in servers { try? server.thaw() }
            await turn.give()
        }
    }

    /// It is cancelled as it has asked so many times; libvirtd goes on with what it was asked.
    private func atCall(_ number: Int) -> Hold {
        let watch = watch()
        return Hold("at call \(number)", isCertain: false) {
            watch.begin()
        } reached: {
            await watch.seen(number)
        } letGo: {
            _ = watch.end()
        }
    }

    private func watch() -> CallWatch {
        let lanes = hosts.map(\.driver.host.supervisor.lanes)
        return CallWatch { lanes.flatMap { [$0.short, $0.long, $0.transfer] }.map(\.statistics.asked).reduce(0, +) }
    }
}

/// Counts the calls that drivers make of libvirt while something is held.
private final class CallWatch: Sendable {
    private let count: @Sendable () -> Int
    private let state = Mutex((start: 0, isOver: false))

    init(_ count: @escaping @Sendable () -> Int) { self.count = count }

    func begin() { state.withLock { $0 = (count(), false) } }

    /// Whether it was not over yet.
    func end() -> Bool {
        state.withLock { state in
            defer { state.isOver = true }
            return !state.isOver
        }
    }

    /// Returns when so many calls were made, or it is over. Lanes tell nobody of a call, and it takes less than the
    /// shortest sleep.
    func seen(_ number: Int) async {
        while true {
            let (start, isOver) = state.withLock { $0 }
            if isOver || count() >= start + number { return }
            await Task.yield()
        }
    }
}

/// Lets one after the other.
actor Turn {
    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func take() async {
        guard isTaken else { return isTaken = true }
        await withCheckedContinuation { waiting.append($0) }
    }

    func give() {
        if waiting.isEmpty { isTaken = false } else { waiting.removeFirst().resume() }
    }
}
