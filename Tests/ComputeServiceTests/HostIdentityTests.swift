// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import ComputeService

@Suite("A state directory belongs to one host")
struct HostIdentityTests {
    private let directory = FileManager.default.temporaryDirectory.appending(path: "identity-\(UUID().uuidString)").path

    private func machineFile(_ id: String) throws -> String {
        let path = directory + "/machine-\(id.prefix(4))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try id.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    private var kept: String? { try? String(contentsOfFile: directory + "/host-identity", encoding: .utf8) }

    @Test("The first start remembers the host, and the next one with the same name is let in")
    func sameHost() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let machine = try machineFile(String(repeating: "a", count: 32) + "\n")
        let identity = HostIdentity(host: "compute1", machineFile: machine)
        try identity.check(directory)
        try identity.remember(in: directory)
        let mode = try FileManager.default.attributesOfItem(atPath: directory + "/host-identity")[.posixPermissions]
        #expect(mode as? Int == 0o600)
        #expect(identity.machine == String(repeating: "a", count: 32))
        for _ in 0..<2 {
            let again = HostIdentity(host: "compute1", machineFile: machine)
            try again.check(directory)
            try again.remember(in: directory)
        }
    }

    @Test("Another name is refused, with both names and what to do, and the file stays as it is")
    func otherHost() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let machine = try machineFile(String(repeating: "b", count: 32))
        try HostIdentity(host: "compute1", machineFile: machine).remember(in: directory)
        let before = kept
        #expect {
            try HostIdentity(host: "compute2", machineFile: machine).check(directory)
        } throws: { error in
            let text = "\(error)"
            return text.contains("'compute1'") && text.contains("'compute2'") && text.contains("host = compute1")
                && text.contains("nothing was touched") && text.contains("host-identity")
        }
        #expect(before != nil && kept == before)
    }

    @Test("Another machine under the same name is refused; a machine without an id that lasts is not")
    func otherMachine() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let first = try machineFile(String(repeating: "c", count: 32))
        try HostIdentity(host: "compute1", machineFile: first).remember(in: directory)
        let second = try machineFile(String(repeating: "d", count: 32))
        #expect { try HostIdentity(host: "compute1", machineFile: second).check(directory) } throws: {
            "\($0)".contains("another machine")
        }
        let none = try machineFile("uninitialized\n")
        try HostIdentity(host: "compute1", machineFile: none).check(directory)
        try HostIdentity(host: "compute1", machineFile: "/nonexistent/machine-id").check(directory)
    }

    @Test("A file that can't be read is refused by name, not taken for none", arguments: ["", "{", "{\"host\": 7}"])
    func damaged(_ text: String) throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try text.write(toFile: directory + "/host-identity", atomically: true, encoding: .utf8)
        #expect { try HostIdentity(host: "compute1").check(directory) } throws: {
            "\($0)".contains("can't be read as a host's identity")
        }
    }
}
