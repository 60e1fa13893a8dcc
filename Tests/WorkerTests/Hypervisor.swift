// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import Glibc
import TestSupport
import Testing

/// A libvirt of the tests' own, and an image that boots in it at once.
struct Hypervisor: Sendable {
    @TaskLocal static var current: Hypervisor?

    /// The image of the guest that is only a boot sector: it speaks each second, and heeds no power button.
    static let image = "1f2e3d4c-0000-4000-8000-00000000b007"
    static let word = "boot-sector-guest: alive"

    let libvirt: LibvirtServer

    /// Settings of a worker that drives this hypervisor, with the image in its place.
    func settings(_ bench: Bench, _ host: String = "one") async throws -> WorkerProcess.Settings {
        var settings = bench.settings(host)
        settings.driver = "libvirt.LibvirtDriver"
        settings.options["libvirt"] = [
            "connection_uri": libvirt.uri, "virt_type": "qemu", "wait_soft_reboot_seconds": "2",
        ]
        let images = bench.directory.appending(path: "\(host)/images")
        try FileManager.default.createDirectory(at: images, withIntermediateDirectories: true)
        let file = images.appending(path: Self.image)
        let script = PythonClient.projectDirectory.appending(path: "scripts/make-bootsector-guest.py")
        let made = try await ChildProcess.run(bench.servers.python, [script.path, file.path])
        try #require(made.end == .exited(0), "\(made.errors)")
        try writeMetadata(Self.image, in: images)
        return settings
    }

    func writeMetadata(_ image: String, in images: URL, format: String = "raw") throws {
        let metadata: JSONValue = [
            "id": .string(image), "name": "boot sector", "status": "active", "disk_format": .string(format),
            "container_format": "bare", "size": 1_048_576, "min_disk": 0, "min_ram": 0, "visibility": "private",
        ]
        try Data(JSONWriter.text(metadata).utf8).write(to: images.appending(path: "\(image).json"))
    }

    /// What virsh says of a domain; nil if it knows none.
    func state(_ instance: String) async throws -> String? {
        let known = try await libvirt.virsh("list", "--all", "--uuid")
        guard known.split(whereSeparator: \.isWhitespace).contains(Substring(instance)) else { return nil }
        return try await libvirt.virsh("domstate", instance).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The number of the domain's present run.
    func run(_ instance: String) async throws -> String {
        try await libvirt.virsh("domid", instance).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// How many domains of this worker's there are, by its instances' directory.
    func isGone(_ instance: String, of worker: WorkerProcess) async throws -> Bool {
        let directory = worker.instancesDirectory.appending(path: instance).path
        return try await state(instance) == nil && !FileManager.default.fileExists(atPath: directory)
    }

    /// Stops libvirtd in mid-air, or lets it go on.
    func freeze(_ isFrozen: Bool) throws {
        let file = libvirt.directory.appending(path: "libvirtd.pid")
        let text = try String(contentsOf: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        let pid = try #require(pid_t(text))
        try #require(kill(pid, isFrozen ? SIGSTOP : SIGCONT) == 0)
    }
}

/// Starts a libvirt before the first of a suite's tests and ends it, with its guests, after the last.
struct HypervisorTrait: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await LibvirtServer.withServer { libvirt in
            try await Hypervisor.$current.withValue(Hypervisor(libvirt: libvirt)) { try await function() }
        }
    }
}

extension Trait where Self == HypervisorTrait {
    static var hypervisor: HypervisorTrait { HypervisorTrait() }
}
