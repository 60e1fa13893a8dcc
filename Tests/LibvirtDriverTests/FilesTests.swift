// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import Testing

@testable import LibvirtDriver

@Suite("The files of an instance")
struct FilesTests {
    /// A directory that is removed afterwards.
    func withDirectory(_ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "cw-files-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    @Test("lie in a directory named by the uuid, closed to others")
    func directory() throws {
        try withDirectory { root in
            let directory = InstanceDirectory(try Guests.instance(["name": "../../evil"]).id, in: root + "/instances/")
            #expect(directory.path == "\(root)/instances/\(Guests.uuid)")
            try directory.make(isEntered: false)
            #expect(try mode(directory.path) == 0o700)
            #expect(try mode(directory.consoleLog) == 0o600)
            try directory.make(isEntered: true)
            #expect(try mode(directory.path) == 0o711)
            try directory.remove()
            #expect(!directory.exists)
            try directory.remove()
        }
    }

    @Test("are removed without following what a link points to")
    func links() throws {
        try withDirectory { root in
            let kept = root + "/kept"
            try FileManager.default.createDirectory(atPath: kept, withIntermediateDirectories: false)
            try Data("x".utf8).write(to: URL(fileURLWithPath: kept + "/file"))
            let directory = InstanceDirectory(try Guests.instance().id, in: root)
            try directory.make(isEntered: false)
            try FileManager.default.createSymbolicLink(
                atPath: directory.path + "/link", withDestinationPath: kept)
            try directory.remove()
            #expect(FileManager.default.fileExists(atPath: kept + "/file"))
            try FileManager.default.createSymbolicLink(atPath: directory.path, withDestinationPath: kept)
            try directory.remove()
            #expect(FileManager.default.fileExists(atPath: kept + "/file"))
            #expect(!directory.exists)
        }
    }

    @Test("are written by no program that outlives a killed worker")
    func killedWorker() async throws {
        let note = FileManager.default.temporaryDirectory.appending(path: "cw-child-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: note) }
        let program = Subprocess(dyingWithUs: ["sleep", "300"])
        // A parent of our own in the worker's place: it starts the program as the worker does, and is killed.
        let parent = Process()
        parent.executableURL = URL(fileURLWithPath: "/bin/bash")
        parent.arguments =
            ["-c", "\"$@\" & echo $! >$0.new && mv $0.new $0; wait", note.path, program.program]
            + program.arguments
        try parent.run()
        #expect(try await eventually { FileManager.default.fileExists(atPath: note.path) })
        let text = try String(contentsOf: note, encoding: .utf8).trimmingCharacters(in: .newlines)
        let child = try #require(pid_t(text))
        // Itself and not a shell before it: the bond is made by then.
        #expect(
            try await eventually {
                (try? String(contentsOfFile: "/proc/\(child)/comm", encoding: .utf8)) == "sleep\n"
            })
        #expect(kill(parent.processIdentifier, SIGKILL) == 0)
        #expect(
            try await eventually(within: .seconds(5)) {
                let status = try? String(contentsOfFile: "/proc/\(child)/status", encoding: .utf8)
                return status.map { $0.contains("State:\tZ") || $0.contains("State:\tX") } ?? true
            })
        kill(child, SIGKILL)
    }

    @Test("give the last 102400 bytes of the console, over a log that was begun anew")
    func console() throws {
        try withDirectory { root in
            let directory = InstanceDirectory(try Guests.instance().id, in: root)
            #expect(try directory.consoleTail() == [])
            try directory.make(isEntered: false)
            #expect(try directory.consoleTail() == [])
            let log = URL(fileURLWithPath: directory.consoleLog)
            try Data([0xFF, 0x00, 0x1B]).write(to: log)
            #expect(try directory.consoleTail() == [0xFF, 0x00, 0x1B])
            try Data(repeating: 0x61, count: 200_000).write(to: URL(fileURLWithPath: directory.consoleLog + ".0"))
            let tail = try directory.consoleTail()
            #expect(tail.count == 102_400)
            #expect(tail.suffix(3) == [0xFF, 0x00, 0x1B])
            try (Data(repeating: 0x62, count: 300_000) + Data("end".utf8)).write(to: log)
            let long = try directory.consoleTail()
            #expect(long.count == 102_400)
            #expect(long.suffix(3) == Array("end".utf8)[...])
            try FileManager.default.removeItem(at: log)
            try FileManager.default.createSymbolicLink(
                atPath: directory.consoleLog, withDestinationPath: "/etc/passwd")
            #expect(throws: ComputeFault.self) { try directory.consoleTail() }
        }
    }

    @Test("hold a root disk as large as the flavor says, never smaller than the image")
    func diskSize() {
        #expect(DiskOverlay.size(rootGiB: 0, imageSize: 1 << 20) == 1 << 20)
        #expect(DiskOverlay.size(rootGiB: 2, imageSize: 1 << 20) == 2 << 30)
        #expect(DiskOverlay.size(rootGiB: 1, imageSize: 5 << 30) == 5 << 30)
    }

    @Test("are made by commands that state every format")
    func formats() {
        for format in [DiskOverlay.Format.raw, .qcow2] {
            let command = DiskOverlay(path: "/d", basePath: "/b", baseFormat: format, size: 7).command
            #expect(
                command == [
                    "qemu-img", "create", "-q", "-f", "qcow2", "-F", format.rawValue, "-b", "/b", "/d", "7",
                ])
        }
    }

    @Test("take no image whose format the driver does not boot", arguments: ["vmdk", "iso", "vhd", "QCOW2", ""])
    func unbootable(format: String) throws {
        let id = try Guests.instance().id
        #expect {
            try DiskOverlay.Format(of: ImageMetadata(id: "i", name: "n", diskFormat: format), instance: id)
        } throws: {
            ($0 as? ComputeFault)?.kind == .imageUnacceptable
        }
    }

    @Test("are made and copied in two places, which state every format: no other source names qemu-img")
    func callers() throws {
        let sources = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Sources")
        let files = try #require(FileManager.default.enumerator(atPath: sources.path))
        var callers: [String] = []
        for case let file as String in files where file.hasSuffix(".swift") {
            let text = try String(contentsOf: sources.appending(path: file), encoding: .utf8)
            if text.contains("\"qemu-img\"") { callers.append(file) }
        }
        #expect(callers.sorted() == ["DiskImage.swift", "DiskOverlay.swift"].map { "LibvirtDriver/Files/\($0)" })
    }
}

@Suite("A program run by the driver", .timeLimit(.minutes(1)))
struct SubprocessTests {
    @Test("gives its status and both of its outputs")
    func outcome() {
        let outcome = Subprocess(program: "sh", arguments: ["-c", "echo out; echo err >&2; exit 3"])
            .run(within: .seconds(20))
        #expect(outcome.ending == .exit(3))
        #expect(outcome.output == "out\nerr\n")
    }

    @Test("gets its arguments as they are, no input, and no environment of the worker's")
    func arguments() {
        setenv("CW_SECRET_CANARY", "canary", 1)
        defer { unsetenv("CW_SECRET_CANARY") }
        let outcome = Subprocess(
            program: "sh", arguments: ["-c", "printf '%s|' \"$@\"; env; cat", "sh", "a b", "$(id)"]
        )
        .run(within: .seconds(20))
        #expect(outcome.output.hasPrefix("a b|$(id)|"))
        #expect(!outcome.output.contains("canary"))
        #expect(outcome.ending == .exit(0))
    }

    @Test("is killed when its time is over")
    func deadline() {
        let began = ContinuousClock.now
        #expect(Subprocess(program: "sleep", arguments: ["1000"]).run(within: .milliseconds(100)).ending == .timeout)
        #expect(ContinuousClock.now - began < .seconds(20))
    }

    @Test("that writes without end keeps no more than the beginning")
    func flood() {
        let outcome = Subprocess(program: "sh", arguments: ["-c", "head -c 3000000 /dev/zero"]).run(
            within: .seconds(20))
        #expect(outcome.ending == .exit(0))
        #expect(outcome.output.utf8.count < 100_000)
    }

    @Test("that is not there, or is ended by a signal, is told apart")
    func endings() {
        #expect(
            Subprocess(program: "no-such-program", arguments: []).run(within: .seconds(20)).ending == .unstartable(2))
        #expect(
            Subprocess(program: "sh", arguments: ["-c", "kill -9 $$"]).run(within: .seconds(20)).ending == .signal(9))
    }
}

@Suite("What the driver tells of its host")
struct HostFiguresTests {
    @Test(
        "uptime is spelled as the program spells it",
        arguments: [
            (59, " 03:04:05 up 0 min,  0 users,  load average: 0.10, 0.20, 0.30\n"),
            (3 * 3600 + 4 * 60, " 03:04:05 up  3:04,  0 users,  load average: 0.10, 0.20, 0.30\n"),
            (86_400 + 14 * 3600, " 03:04:05 up 1 day, 14:00,  0 users,  load average: 0.10, 0.20, 0.30\n"),
            (5 * 86_400 + 60, " 03:04:05 up 5 days, 1 min,  0 users,  load average: 0.10, 0.20, 0.30\n"),
        ])
    func uptime(seconds: Int, line: String) {
        #expect(HostFigures.uptimeLine(clock: (3, 4, 5), upSeconds: seconds, loads: "0.10, 0.20, 0.30") == line)
    }

    @Test("memory and disk are within their bounds")
    func figures() throws {
        let memory = try #require(HostFigures.memory())
        #expect(memory.total > .zero && memory.used >= .zero && memory.used <= memory.total)
        let disk = try #require(HostFigures.disk(of: "/"))
        #expect(disk.total > .zero && disk.used >= .zero && disk.used <= disk.total)
        #expect(HostFigures.disk(of: "/nonexistent") == nil)
    }

    @Test("texts for users hold no paths")
    func paths() {
        #expect(
            SafeText.withoutPaths("Cannot access storage file '/srv/x/disk': No such file\n(as uid 1)")
                == "Cannot access storage file (path): No such file (as uid 1)")
        #expect(SafeText.withoutPaths("plain words, kept.") == "plain words, kept.")
    }
}
