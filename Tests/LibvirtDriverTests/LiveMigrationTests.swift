// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import Foundation
import LibvirtDriver
import Synchronization
import TestSupport
import Testing

@Suite("Live migration of real guests between two libvirtds", .serialized, .timeLimit(.minutes(3)))
struct LiveMigrationTests {
    /// What the manager does for a move: the checks of both hosts, and the preparation.
    private func prepare(
        _ instance: Instance, from source: LibvirtDriver, to destination: LibvirtDriver, takesDisks: Bool
    ) async throws -> LiveMigrationRequest {
        let check = try await destination.checkLiveMigrationDestination(
            LiveMigrationCheck(instance: instance, takesDisks: takesDisks, mayOvercommitDisk: false))
        let data: JSONObject
        do {
            data = try await source.checkLiveMigrationSource(instance, destination: check)
        } catch {
            try await destination.cleanUpLiveMigrationCheck(check)
            throw error
        }
        try await destination.cleanUpLiveMigrationCheck(check)
        let disks = takesDisks ? try await source.disks(of: instance) : nil
        for _ in 0..<2 {
            try await destination.prepareLiveMigration(
                PrepareLiveMigrationRequest(instance: instance, disks: disks, migrateData: data))
        }
        return LiveMigrationRequest(
            instance: instance, destination: "host-2", takesDisks: takesDisks, migrateData: data)
    }

    /// A guest with so many random MiB on one of its disks, which are copied at so many MiB a second.
    private func slowGuest(_ hosts: TwoHosts, mebibytes: Int, speed: Int) async throws -> Instance {
        let instance = try Guests.newInstance(["instance_type": ["swap": 64]])
        try await hosts.first.spawn(SpawnRequest(instance: instance, image: hosts.image))
        let path = "\(hosts.instancesPaths[0])/\(instance.id)/disk.swap"
        let disk = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        var bytes = Data(count: 1 << 20)
        for index in 0..<mebibytes {
            for offset in stride(from: 0, to: bytes.count, by: 4096) { bytes[offset] = UInt8.random(in: 1...255) }
            try disk.seek(toOffset: UInt64(index) << 20)
            try disk.write(contentsOf: bytes)
        }
        try disk.synchronize()
        try disk.close()
        _ = try await hosts.servers[0].virsh("migrate-setspeed", instance.id.description, "\(speed)")
        return instance
    }

    @Test(
        "a guest moves as it runs with its disks, or with shared storage without, and nothing stays behind",
        arguments: [true, false])
    func move(takesDisks: Bool) async throws {
        try await TwoHosts.with(shared: !takesDisks) { hosts async throws in
            let instance = try Guests.newInstance(["root_gb": 1])
            try await hosts.first.spawn(SpawnRequest(instance: instance, image: hosts.image))
            let request = try await prepare(instance, from: hosts.first, to: hosts.second, takesDisks: takesDisks)
            try await hosts.first.liveMigrate(request)
            let owner = "\(hosts.instancesPaths[1])/\(instance.id)/host"
            if !takesDisks {
                // A worker that died before it could say whose the files are now.
                try "host-1".write(toFile: owner, atomically: true, encoding: .utf8)
                try await hosts.first.cleanUpAfterLiveMigration(request)
                #expect(FileManager.default.fileExists(atPath: "\(hosts.instancesPaths[1])/\(instance.id)/disk"))
                #expect(try String(contentsOfFile: owner, encoding: .utf8) == "host-2")
            }
            try await hosts.second.finishLiveMigrationAtDestination(GuestRequest(instance: instance))
            for _ in 0..<2 { try await hosts.first.cleanUpAfterLiveMigration(request) }
            #expect(try await hosts.first.instances().isEmpty)
            #expect(try await hosts.second.info(instance.id).powerState == .running)
            #expect(try await hosts.servers[1].virsh("domstate", instance.id.description) == "running")
            if takesDisks {
                #expect(try FileManager.default.contentsOfDirectory(atPath: hosts.instancesPaths[0]) == [])
            }
            #expect(
                try await eventually {
                    let words = String(decoding: try await hosts.second.consoleOutput(instance), as: UTF8.self)
                    return words.contains(LibvirtServer.bootSectorWords) && !words.contains("SeaBIOS")
                })
            // It is the new host's for good, disk included.
            try await hosts.second.powerOff(instance)
            try await hosts.second.powerOn(instance)
            #expect(try await hosts.second.info(instance.id).powerState == .running)
            await #expect { try await hosts.second.checkLiveMigrationDestination(
                LiveMigrationCheck(instance: instance, takesDisks: takesDisks, mayOvercommitDisk: false)) } throws: {
                ($0 as? ComputeFault)?.kind == .migrationFailure
            }
            try await hosts.second.destroy(instance)
            #expect(try FileManager.default.contentsOfDirectory(atPath: hosts.instancesPaths[1]) == [])
        }
    }

    @Test("a move that is cancelled, or aborted from elsewhere, leaves the guest running here and nothing there")
    func givenUp() async throws {
        try await TwoHosts.with(shared: false) { hosts async throws in
            let instance = try await slowGuest(hosts, mebibytes: 60, speed: 2)
            let boot = try await hosts.first.info(instance.id).bootIdentity
            for isAborted in [false, true] {
                let prepared = try await prepare(instance, from: hosts.first, to: hosts.second, takesDisks: true)
                let (moved, mover) = AsyncStream<ProgressReporter.Progress>.makeStream()
                let request = LiveMigrationRequest(
                    instance: instance, destination: "host-2", takesDisks: true, migrateData: prepared.migrateData,
                    progress: ProgressReporter { mover.yield($0) })
                let move = Task { try await hosts.first.liveMigrate(request) }
                for await progress in moved where progress.done > .zero && progress.total != nil { break }
                if isAborted {
                    try await hosts.first.abortLiveMigration(of: instance)
                } else {
                    move.cancel()
                }
                switch await move.result {
                case .success: Issue.record("it moved")
                case .failure(let error): #expect((error is CancellationError) == !isAborted, "\(error)")
                }
                #expect(try await hosts.first.info(instance.id).powerState == .running)
                #expect(try await hosts.first.info(instance.id).bootIdentity == boot)
                for _ in 0..<2 {
                    try await hosts.second.rollBackLiveMigrationAtDestination(GuestRequest(instance: instance))
                }
                #expect(try await hosts.second.instances().isEmpty)
                #expect(try FileManager.default.contentsOfDirectory(atPath: hosts.instancesPaths[1]) == [])
                #expect(FileManager.default.fileExists(atPath: "\(hosts.instancesPaths[0])/\(instance.id)/disk"))
            }
            try await hosts.first.abortLiveMigration(of: instance)
            await #expect { try await hosts.first.forceLiveMigration(of: instance) } throws: {
                ($0 as? ComputeFault)?.kind == .invalid
            }
        }
    }

    @Test("a move that is forced pauses the guest, which runs again when it has moved")
    func forced() async throws {
        try await TwoHosts.with(shared: false) { hosts async throws in
            let instance = try await slowGuest(hosts, mebibytes: 12, speed: 4)
            let prepared = try await prepare(instance, from: hosts.first, to: hosts.second, takesDisks: true)
            let (moved, mover) = AsyncStream<ProgressReporter.Progress>.makeStream()
            let request = LiveMigrationRequest(
                instance: instance, destination: "host-2", takesDisks: true, migrateData: prepared.migrateData,
                progress: ProgressReporter { mover.yield($0) })
            async let move: Void = hosts.first.liveMigrate(request)
            for await _ in moved { break }
            try await hosts.first.forceLiveMigration(of: instance)
            try await move
            #expect(try await hosts.second.info(instance.id).powerState == .running)
        }
    }

    @Test("what a worker has left that died as it made room for a guest's disks stands in nobody's way")
    func cutOff() async throws {
        try await TwoHosts.with(shared: false) { hosts async throws in
            let instance = try Guests.newInstance(["root_gb": 1])
            try await hosts.first.spawn(SpawnRequest(instance: instance, image: hosts.image))
            let nascent = "\(hosts.instancesPaths[1])/\(instance.id)_coming"
            try FileManager.default.createDirectory(atPath: nascent, withIntermediateDirectories: true)
            let request = try await prepare(instance, from: hosts.first, to: hosts.second, takesDisks: true)
            #expect(try FileManager.default.contentsOfDirectory(atPath: hosts.instancesPaths[1]) == ["\(instance.id)"])
            try await hosts.first.liveMigrate(request)
            try await hosts.second.finishLiveMigrationAtDestination(GuestRequest(instance: instance))
            try await hosts.first.cleanUpAfterLiveMigration(request)
            try await hosts.second.destroy(instance)
            try FileManager.default.createDirectory(atPath: nascent, withIntermediateDirectories: true)
            try await hosts.second.rollBackLiveMigrationAtDestination(GuestRequest(instance: instance))
            #expect(try FileManager.default.contentsOfDirectory(atPath: hosts.instancesPaths[1]) == [])
        }
    }

    @Test("a move that is given up while the guest is handed over ends before it is said to have, here or there")
    func handedOver() async throws {
        try await TwoHosts.with(shared: false) { hosts async throws in
            let instance = try await slowGuest(hosts, mebibytes: 12, speed: 4)
            let prepared = try await prepare(instance, from: hosts.first, to: hosts.second, takesDisks: true)
            let (moved, mover) = AsyncStream<ProgressReporter.Progress>.makeStream()
            let request = LiveMigrationRequest(
                instance: instance, destination: "host-2", takesDisks: true, migrateData: prepared.migrateData,
                progress: ProgressReporter { mover.yield($0) })
            let move = Task { try await hosts.first.liveMigrate(request) }
            for await progress in moved where progress.done > .zero && progress.total != nil { break }
            // All bytes come over, and nobody is there to say so.
            try hosts.servers[1].freeze()
            #expect(try await eventually { try await hosts.first.info(instance.id).powerState == .paused })
            let (tries, tried) = AsyncStream<Void>.makeStream()
            let end = Task {
                tried.yield()
                try await hosts.first.abortLiveMigration(of: instance)
                return try? await hosts.first.info(instance.id).powerState
            }
            for await _ in tries { break }
            for _ in 0..<5 { _ = try await hosts.servers[0].virsh("domstate", instance.id.description) }
            try hosts.servers[1].thaw()
            #expect(try await end.value != .paused)
            let isHere = await move.result.isFailure
            #expect((try? await hosts.first.info(instance.id).powerState == .running) ?? false == isHere)
            #expect(try await hosts.second.instances().isEmpty == isHere)
        }
    }

    @Test("what can't move is refused by the checks, with the reason, and nothing is left of them")
    func refused() async throws {
        try await TwoHosts.with(shared: false) { hosts async throws in
            let instance = try Guests.newInstance(["root_gb": 1])
            try await hosts.first.spawn(SpawnRequest(instance: instance, image: hosts.image))
            func refuse(_ words: String, takesDisks: Bool) async {
                await #expect {
                    _ = try await prepare(instance, from: hosts.first, to: hosts.second, takesDisks: takesDisks)
                } throws: {
                    guard let fault = $0 as? ComputeFault else { return false }
                    return fault.kind == .migrationFailure && fault.message.contains(words)
                }
            }
            await refuse("share no storage", takesDisks: false)
            let volume = try Volumes.make(hosts.servers[0], "volume", at: "/dev/vdb")
            try await hosts.first.attachVolume(volume, to: instance)
            await refuse("volumes", takesDisks: true)
            try await hosts.first.powerOff(instance)
            await #expect {
                _ = try await prepare(instance, from: hosts.first, to: hosts.second, takesDisks: true)
            } throws: { ($0 as? ComputeFault)?.kind == .instanceInvalidState }
            #expect((try? FileManager.default.contentsOfDirectory(atPath: hosts.instancesPaths[1])) ?? [] == [])
        }
    }
}

extension Result {
    fileprivate var isFailure: Bool {
        switch self {
        case .success: false
        case .failure: true
        }
    }
}
