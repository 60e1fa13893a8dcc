// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import Testing

/// A bridge of the tests' own on this machine.
struct Bridge: Sendable {
    let name: String

    static func with(_ body: (Bridge) async throws -> Void) async throws {
        let name = "cwbr\(UInt32.random(in: 0...9_999_999))"
        try #require(try ip("link", "add", name, "type", "bridge") == 0)
        do { try await body(Bridge(name: name)) } catch {
            _ = try ip("link", "del", name)
            throw error
        }
        #expect(try ip("link", "del", name) == 0)
    }

    private static func ip(_ arguments: String...) throws -> Int32 {
        let tool = Process()
        tool.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        tool.arguments = ["ip"] + arguments
        try tool.run()
        tool.waitUntilExit()
        return tool.terminationStatus
    }

    /// An interface in it, as the network service describes one.
    func interface(_ address: String = "fa:16:3e:01:02:03") -> JSONValue {
        Self.interface(in: name, address)
    }

    static func interface(in bridge: String, _ address: String = "fa:16:3e:01:02:03") -> JSONValue {
        [
            "id": .string(UUID().uuidString.lowercased()), "address": .string(address), "type": "bridge",
            "network": ["id": "n", "bridge": .string(bridge), "label": "private"],
        ]
    }

    func ports() throws -> Set<String> {
        Set(try FileManager.default.contentsOfDirectory(atPath: "/sys/class/net/\(name)/brif"))
    }
}
