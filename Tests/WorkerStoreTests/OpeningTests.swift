// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import GRDB
import Testing

@testable import WorkerStore

@Suite("Opening the store", .timeLimit(.minutes(1)))
struct OpeningTests {
    @Test("commits are written through to the disk: WAL, and synchronous stays FULL after all set-up")
    func settings() async throws {
        try await withStore { store, _ in
            let (synchronous, mode, secure, page) = try await store.write { transaction in
                (
                    try Int.fetchOne(transaction.database, sql: "PRAGMA synchronous"),
                    try String.fetchOne(transaction.database, sql: "PRAGMA journal_mode"),
                    try Int.fetchOne(transaction.database, sql: "PRAGMA secure_delete"),
                    try Int.fetchOne(transaction.database, sql: "PRAGMA page_size")
                )
            }
            #expect(synchronous == 2)
            #expect(mode == "wal")
            #expect(secure == 1)
            #expect(page == 32768)
        }
    }

    @Test("directory and files are private from the first commit on")
    func modes() async throws {
        try await withStore { store, path in
            _ = try await store.accept(newEntry("a"))
            #expect(try mode(path) == 0o700)
            for name in ["worker.sqlite", "worker.sqlite-wal", "worker.sqlite-shm", "worker.lock"] {
                #expect(try mode("\(path)/\(name)") == 0o600, "\(name)")
            }
        }
    }

    @Test("files that were left open to others are closed to them at the next start")
    func modesAreRepaired() async throws {
        try await withDirectory { path in
            try await reopening(path) { _ = try await $0.accept(newEntry("a")) }
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: "\(path)/worker.sqlite")
            let modes = try await reopening(path) { _ in [try mode(path), try mode("\(path)/worker.sqlite")] }
            #expect(modes == [0o700, 0o600])
        }
    }

    @Test("a second worker on the same directory is refused in words, and gets it when the first has ended")
    func lock() async throws {
        try await withDirectory { path in
            try await reopening(path) { _ in
                let error = #expect(throws: StoreError.self) { try WorkerStore(StoreConfiguration(directory: path)) }
                #expect(error?.code == .inUse)
                #expect(error?.message.contains(path) == true)
            }
            try await reopening(path) { #expect($0.levels.unfinished == 0) }
        }
    }

    @Test("a database of a newer version is refused and not touched, its log included")
    func newerVersion() async throws {
        try await withDirectory { path in
            let database = "\(path)/worker.sqlite"
            try await reopening(path) { _ = try await $0.accept(newEntry("a")) }
            var settings = Configuration()
            settings.journalMode = .wal
            let newer = try DatabaseQueue(path: database, configuration: settings)
            try await newer.write { try $0.execute(sql: "PRAGMA user_version = 99") }
            let before = try contents(database)
            #expect(before[1].count > 0)
            let error = #expect(throws: StoreError.self) { try WorkerStore(StoreConfiguration(directory: path)) }
            #expect(error?.code == .newerSchema)
            #expect(error?.message.contains("99") == true)
            #expect(error?.isRetriable == false)
            #expect(try contents(database) == before)
            try newer.close()
        }
    }

    @Test("a database of another program is refused and not touched")
    func foreign() async throws {
        try await withDirectory { path in
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            let database = "\(path)/worker.sqlite"
            let other = try DatabaseQueue(path: database)
            try await other.write { try $0.execute(sql: "CREATE TABLE mine (a)") }
            try other.close()
            let before = try contents(database)
            let error = #expect(throws: StoreError.self) { try WorkerStore(StoreConfiguration(directory: path)) }
            #expect(error?.code == .damaged)
            #expect(try contents(database) == before)
        }
    }

    @Test("a file that is no database, and one cut in half, are called damaged")
    func damaged() async throws {
        for size in [10, 100_000] {
            try await withDirectory { path in
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
                try Data(repeating: 0x41, count: size).write(to: URL(fileURLWithPath: "\(path)/worker.sqlite"))
                let error = #expect(throws: StoreError.self) { try WorkerStore(StoreConfiguration(directory: path)) }
                #expect(error?.code == .damaged)
            }
        }
        try await withDirectory { path in
            try await reopening(path) { store in
                for number in 0..<40 {
                    _ = try await store.accept(newEntry("\(number)", body: [UInt8](repeating: 1, count: 9000)))
                }
            }
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: "\(path)/worker.sqlite"))
            let size = try file.seekToEnd()
            try file.truncate(atOffset: size / 2 / 32768 * 32768)
            try file.close()
            let error = #expect(throws: StoreError.self) { try WorkerStore(StoreConfiguration(directory: path)) }
            #expect(error?.code == .damaged)
        }
    }

    @Test("a directory that belongs to everybody is not taken, nor its mode changed")
    func sticky() async throws {
        try await withDirectory { path in
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o1777])
            let error = #expect(throws: StoreError.self) { try WorkerStore(StoreConfiguration(directory: path)) }
            #expect(error?.code == .notAccessible)
            #expect(try mode(path) == 0o1777)
        }
    }

    @Test("a page size that SQLite would silently ignore is refused")
    func pageSize() async throws {
        try await withDirectory { path in
            let error = #expect(throws: StoreError.self) {
                try WorkerStore(StoreConfiguration(directory: path, pageSize: 5000))
            }
            #expect(error?.code == .badConfiguration)
        }
    }

    @Test("a closed store refuses reads and writes, and closing twice is as good as once")
    func closed() async throws {
        try await withDirectory { path in
            let store = try WorkerStore(StoreConfiguration(directory: path))
            await store.close()
            await store.close()
            let writing = await #expect(throws: StoreError.self) { _ = try await store.accept(newEntry("a")) }
            #expect(writing?.code == .closed)
            let reading = await #expect(throws: StoreError.self) { try await store.read { try $0.instances() } }
            #expect(reading?.code == .closed)
            #expect(await store.wait(until: { $0.unfinished > 0 }) == false)
        }
    }

    private func mode(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return try #require(attributes[.posixPermissions] as? Int)
    }

    private func contents(_ database: String) throws -> [Data] {
        try ["", "-wal"].map { suffix in
            FileManager.default.fileExists(atPath: database + suffix)
                ? try Data(contentsOf: URL(fileURLWithPath: database + suffix)) : Data()
        }
    }
}
