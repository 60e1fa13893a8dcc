// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Holds the manifest and the sources against the plan of the house: arrows point down, and C stays in its room.
@Suite(.timeLimit(.minutes(3)))
struct ArchitectureTests {
    /// Who may import whom among the rooms; what is not listed may import no room.
    static let arrows: [String: Set<String>] = [
        "AMQP": ["CRabbitMQ"],
        "Libvirt": ["CLibvirt"],
        "XML": ["CLibXML2"],
        "OsloMessaging": ["AMQP", "ComputeModel"],
        "ComputeDriver": ["ComputeModel"],
        "FakeDriver": ["ComputeDriver", "ComputeModel"],
        "LibvirtDriver": ["ComputeDriver", "ComputeModel", "Libvirt", "XML"],
        "WorkerStore": ["ComputeModel"],
        "ImageService": ["ComputeModel"],
        "ComputeManager": ["ComputeDriver", "ComputeModel", "ImageService", "WorkerStore"],
        "ComputeService": [
            "AMQP", "ComputeDriver", "ComputeManager", "ComputeModel", "FakeDriver", "ImageService", "LibvirtDriver",
            "OsloMessaging", "WorkerStore",
        ],
        "compute-worker": ["ComputeService"],
    ]

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    @Test("The manifest has no arrow that the plan does not have")
    func manifestFollowsThePlan() throws {
        let manifest = try Self.manifest()
        let rooms = Set(manifest.targets.filter { $0.type != "test" }.map(\.name))
        for target in manifest.targets where target.type == "regular" || target.type == "executable" {
            let used = Set(target.dependencies.compactMap(\.name)).intersection(rooms)
            let allowed = Self.arrows[target.name] ?? []
            #expect(used.isSubset(of: allowed), "\(target.name) imports \(used.subtracting(allowed).sorted())")
        }
        #expect(Set(Self.arrows.keys).isSubset(of: rooms), "the plan names a room that is gone")
    }

    @Test("A source imports only what its target declares, and the C modules only their bindings")
    func sourcesFollowTheManifest() throws {
        let manifest = try Self.manifest()
        let rooms = Set(manifest.targets.map(\.name))
        var checked = 0
        for target in manifest.targets where target.type != "system-target" && target.type != "system" {
            let declared = Set(target.dependencies.compactMap(\.name))
            let folder = Self.root.appending(path: target.type == "test" ? "Tests" : "Sources")
                .appending(path: target.name)
            for file in try Self.swiftFiles(in: folder) {
                let undeclared = try Self.imports(of: file).intersection(rooms).subtracting(declared)
                #expect(undeclared.isEmpty, "\(file.lastPathComponent) imports \(undeclared.sorted())")
                checked += 1
            }
        }
        #expect(checked > 50)
    }

    @Test("Every file says under which licence it stands and can be read in one sitting")
    func filesAreSmall() throws {
        for file in try Self.swiftFiles(in: Self.root.appending(path: "Sources")) {
            let text = try String(contentsOf: file, encoding: .utf8)
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false).count
            #expect(lines <= 400, "\(file.lastPathComponent) has \(lines) lines")
            #expect(text.hasPrefix("// SPDX-License-Identifier: Apache-2.0"), "\(file.lastPathComponent)")
        }
    }

    // MARK: - Reading

    private struct Manifest: Decodable {
        struct Target: Decodable {
            let name: String
            let type: String
            let dependencies: [Dependency]
        }

        struct Dependency: Decodable {
            let name: String?

            private enum Keys: String, CodingKey { case byName, target, product }

            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: Keys.self)
                let key: Keys = container.contains(.byName) ? .byName : container.contains(.target) ? .target : .product
                var list = try container.nestedUnkeyedContainer(forKey: key)
                name = try list.decode(String.self)
            }
        }

        let targets: [Target]
    }

    /// The manifest as the package manager reads it. A scratch path of its own, because the build that runs this test
    /// holds the lock of the usual one.
    private static func manifest() throws -> Manifest {
        let scratch = FileManager.default.temporaryDirectory.appending(path: "manifest-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: scratch) }
        let process = Process()
        process.executableURL = try swift()
        process.arguments = [
            "package", "--package-path", root.path(), "--scratch-path", scratch.path(), "dump-package",
        ]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "dump-package failed")
        return try JSONDecoder().decode(Manifest.self, from: data)
    }

    /// The toolchain's `swift`: SWIFT if set, else the first in PATH that says it is a Swift compiler.
    private static func swift() throws -> URL {
        let environment = ProcessInfo.processInfo.environment
        let candidates =
            [environment["SWIFT"]].compactMap { $0 }
            + (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/swift" }
        for candidate in candidates where FileManager.default.isExecutableFile(atPath: candidate) {
            let process = Process()
            process.executableURL = URL(filePath: candidate)
            process.arguments = ["--version"]
            let output = Pipe()
            process.standardOutput = output
            process.standardError = FileHandle.nullDevice
            try process.run()
            let data = try output.fileHandleForReading.readToEnd() ?? Data()
            process.waitUntilExit()
            if String(decoding: data, as: UTF8.self).contains("Swift version") { return URL(filePath: candidate) }
        }
        throw CocoaError(.fileNoSuchFile)
    }

    private static func swiftFiles(in folder: URL) throws -> [URL] {
        let enumerator = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        return enumerator.compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }
    }

    private static func imports(of file: URL) throws -> Set<String> {
        let text = try String(contentsOf: file, encoding: .utf8)
        let modules = text.split(separator: "\n").compactMap { line -> String? in
            let words = line.split(separator: " ")
            guard let position = words.firstIndex(of: "import"), words[..<position].allSatisfy(isModifier),
                position + 1 < words.count
            else { return nil }
            return String(words[position + 1]).replacing("compute_worker", with: "compute-worker")
        }
        return Set(modules)
    }

    private static func isModifier(_ word: Substring) -> Bool {
        ["public", "package", "internal", "private", "fileprivate", "@preconcurrency", "@testable"].contains(word)
    }
}
