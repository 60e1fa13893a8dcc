// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import FoundationEssentials
import Testing

/// The recorded messages.
enum Golden {
    /// A recorded message and where it went.
    struct Message: Sendable, CustomTestStringConvertible {
        let file: String
        let role: String
        let exchange: String
        let routingKey: String
        let body: [UInt8]

        var testDescription: String { "\(file): \(role) \(routingKey)" }
    }

    /// Every recorded message, in wire order.
    static func messages() throws -> [Message] {
        let files = try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasSuffix(".json") }
        return try files.sorted().flatMap { try messages(String($0.dropLast(5))) }
    }

    static func messages(_ file: String) throws -> [Message] {
        try frames(file).compactMap { frame in
            guard let body = frame["body_raw"]?.string else { return nil }
            return Message(
                file: file, role: frame["role"]?.string ?? "", exchange: frame["exchange"]?.string ?? "",
                routingKey: frame["routing_key"]?.string ?? "", body: Array(body.utf8))
        }
    }

    static func frames(_ file: String) throws -> [JSONValue] {
        let data = try Data(contentsOf: URL(filePath: "\(directory)/\(file).json"))
        return try #require(try JSONParser.parse(Array(data))["frames"]?.array)
    }

    /// Messages that ask for a method, replies and notifications.
    static func requests() throws -> [Message] { try messages().filter { try $0.has("method") } }
    static func replies() throws -> [Message] { try messages().filter { try $0.has("result") } }
    static func notifications() throws -> [Message] { try messages().filter { try $0.has("event_type") } }

    private static var directory: String {
        let path = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
        return path.joined(separator: "/") + "/Golden"
    }
}

extension Golden.Message {
    /// The message's own object, read without the code under test.
    func content() throws -> JSONObject {
        let outer = try JSONParser.parse(body)
        guard let inner = outer["oslo.message"]?.string else { return try #require(outer.object) }
        return try #require(try JSONParser.parse(inner).object)
    }

    var isEnveloped: Bool { (try? JSONParser.parse(body)["oslo.message"]) != nil }

    fileprivate func has(_ key: String) throws -> Bool { try content()[key] != nil }
}
