// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import Dispatch
import Foundation
import TestSupport
import Testing

@testable import Libvirt
@testable import LibvirtDriver

@Suite("Work that takes as long as disks and memory are large", .timeLimit(.minutes(3)))
struct LongWorkTests {
    /// Runs `body` while four pieces of work go on, as many as a lane makes side by side.
    private func during(
        _ work: @escaping @Sendable (_ wait: @escaping @Sendable () -> Void) async throws -> Void,
        _ body: () async throws -> Void
    ) async throws {
        let gate = DispatchSemaphore(value: 0)
        let (begun, beginning) = AsyncStream<Void>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    try await work {
                        beginning.yield()
                        gate.wait()
                    }
                }
            }
            defer { for _ in 0..<4 { gate.signal() } }
            var count = 0
            for await _ in begun {
                count += 1
                if count == 4 { break }
            }
            try await body()
        }
    }

    @Test("stops no console, build or delete while four copies of disks go on")
    func copies() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance()
            try await driver.spawn(Guests.request(instance, server))
            try await during { wait in
                try await driver.withDiskTools("copy for long") { _ throws(ComputeFault) in wait() }
            } _: {
                let time = try await took {
                    _ = try await driver.consoleOutput(instance)
                    let second = try Guests.newInstance()
                    try await driver.spawn(Guests.request(second, server))
                    try await driver.destroy(second)
                }
                #expect(time < .seconds(30))
            }
        }
    }

    @Test("stops no start while four guests move; what was saved waits for its turn")
    func moves() async throws {
        try await LibvirtServer.withServer { server async throws in
            var configuration = Guests.configuration(server)
            configuration.transferDeadline = .seconds(5)
            try await Guests.withDriver(configuration) { driver async throws in
                let (off, saved) = (try Guests.newInstance(), try Guests.newInstance())
                for instance in [off, saved] { try await driver.spawn(Guests.request(instance, server)) }
                try await driver.powerOff(off)
                try await driver.suspend(saved)
                let lane = driver.host.supervisor.lanes.transfer
                try await during { wait in
                    try await lane.run("move for long", within: .seconds(120)) { () throws(LibvirtError) in wait() }
                } _: {
                    try await driver.powerOn(off)
                    #expect(try await driver.info(off.id).powerState == .running)
                    await #expect(throws: ComputeFault.self) { try await driver.resume(saved) }
                }
                try await driver.resume(saved)
                #expect(try await driver.info(saved.id).powerState == .running)
            }
        }
    }
}
