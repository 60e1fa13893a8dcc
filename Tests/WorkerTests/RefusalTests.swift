// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import Glibc
import TestSupport
import Testing

extension Program {
    /// When the program refuses to serve, and what it says then.
    @Suite struct RefusalTests {
        @Test("A state directory that belongs to another host is refused with 78", .timeLimit(.minutes(2)))
        func otherHost() async throws {
            try await Bench.with { bench in
                let first = try await bench.worker()
                #expect(try await first.stop() == .exited(0))
                let journal = try Self.files(first)
                var settings = bench.settings("two")
                settings.options["DEFAULT"] = ["state_path": first.directory.appending(path: "state").path]
                let second = try bench.launch(settings)
                #expect(try await second.wait() == .exited(78))
                #expect(second.log.text().contains("belongs to the host 'one'"), "\(second.log.text())")
                #expect(try Self.files(first) == journal, "nothing was touched")
            }
        }

        @Test(
            "A journal of a newer version is refused with 78 and left as it is, byte for byte", .timeLimit(.minutes(2)))
        func newerJournal() async throws {
            try await Bench.with { bench in
                let first = try await bench.worker()
                #expect(try await first.stop() == .exited(0))
                try await Self.edit(first, bench, "PRAGMA user_version = 99")
                let journal = try Self.files(first)
                let second = try bench.launch(bench.settings())
                #expect(try await second.wait() == .exited(78))
                #expect(second.log.text().contains("was written by a newer worker"), "\(second.log.text())")
                let list = try await second.command(["ops", "list"])
                #expect(list.end == .exited(78), "\(list)")
                // Looking makes an empty log beside it, no more.
                let after = try Self.files(first)
                #expect(after.filter { journal[$0.key] != nil } == journal)
                #expect(after.allSatisfy { journal[$0.key] != nil || $0.key.hasSuffix("-shm") || $0.value.isEmpty })
            }
        }

        @Test("A journal that is no database any more is refused with 78", .timeLimit(.minutes(2)))
        func damagedJournal() async throws {
            try await Bench.with { bench in
                let first = try await bench.worker()
                #expect(try await first.stop() == .exited(0))
                var bytes = try Data(contentsOf: first.database)
                for index in 0..<100 { bytes[index] = 0x55 }
                try bytes.write(to: first.database)
                let second = try bench.launch(bench.settings())
                #expect(try await second.wait() == .exited(78))
                #expect(second.log.text().contains("damaged"), "\(second.log.text())")
            }
        }

        @Test(
            "A damaged record of an instance closes that instance alone: the service starts, and says so",
            .timeLimit(.minutes(2)))
        func damagedInstance() async throws {
            try await Bench.with { bench in
                let first = try await bench.worker()
                let probe = try await bench.probe()
                try await probe.collectEvents()
                let oslo = try await bench.oslo()
                let (damaged, whole) = (newInstance(), newInstance())
                for instance in [damaged, whole] {
                    try await oslo.cast("run_instance", instance, to: "one")
                    try await probe.events(of: instance, until: "compute.instance.create.end")
                }
                #expect(try await first.stop() == .exited(0))
                let id = damaged.replacing("-", with: "")
                try await Self.edit(
                    first, bench, "UPDATE instance SET fields = zeroblob(length(fields)) WHERE uuid = x'\(id)'")

                var settings = bench.settings()
                settings.driver = "libvirt.LibvirtDriver"
                settings.options["libvirt"] = [
                    "connection_uri": "test://\(try StartTests.node([damaged, whole], in: bench.directory))",
                    "virt_type": "qemu",
                ]
                let worker = try await bench.worker(settings)
                try await oslo.cast("reboot_instance", whole, to: "one", extra: ["reboot_type": "HARD"])
                try await probe.events(of: whole, until: "compute.instance.reboot.end")
                try await oslo.cast("reboot_instance", damaged, to: "one", extra: ["reboot_type": "HARD"])
                #expect(try await OpsTests.list(worker, untilEmpty: true).isEmpty)
                let status = try await worker.command(["status"])
                #expect(status.end == .exited(0) && status.output.contains("instance of \(damaged)"), "\(status)")
                try await oslo.cast("terminate_instance", damaged, to: "one")
                try await probe.events(of: damaged, until: "compute.instance.delete.end")
                #expect(try await OpsTests.list(worker, untilEmpty: true).isEmpty)
                #expect(try await worker.stop() == .exited(0))
            }
        }

        /// Changes the journal of a worker that has ended, by SQLite itself.
        static func edit(_ worker: WorkerProcess, _ bench: Bench, _ sql: String) async throws {
            let script =
                "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.executescript(sys.argv[2]); c.close()"
            let run = try await ChildProcess.run(bench.servers.python, ["-c", script, worker.database.path, sql])
            try #require(run.end == .exited(0), "\(run.errors)")
        }

        /// What stands in the state directory.
        private static func files(_ worker: WorkerProcess) throws -> [String: Data] {
            let directory = worker.directory.appending(path: "state")
            var files: [String: Data] = [:]
            for name in try FileManager.default.subpathsOfDirectory(atPath: directory.path) {
                files[name] = try? Data(contentsOf: directory.appending(path: name))
            }
            return files
        }
    }
}
