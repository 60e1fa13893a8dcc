// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import TestSupport
import Testing

/// The recorded messages.
enum Golden {
    /// The exact text of a file's first published body.
    static func body(_ file: String) throws -> String {
        let path = PythonClient.projectDirectory.appending(path: "Tests/Golden/\(file).json")
        let recording = try JSONParser.parse(try String(contentsOf: path, encoding: .utf8))
        let bodies = (recording["frames"]?.array ?? []).compactMap { $0["body_raw"]?.string }
        return try #require(bodies.first, "\(file) has no body")
    }

    /// The uuid of the instance in a file's first message.
    static func instance(of file: String) throws -> String {
        try #require(try JSONParser.parse(try body(file))["args"]?["instance"]?["uuid"]?.string)
    }
}
