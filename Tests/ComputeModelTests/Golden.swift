// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import FoundationEssentials
import Testing

/// The recorded messages.
enum Golden {
    /// The bodies of a recording, in wire order.
    static func bodies(_ file: String) throws -> [String] {
        try frames(file).compactMap { $0["body_raw"]?.string }
    }

    static func frames(_ file: String) throws -> [JSONValue] {
        let tests = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
        let data = try Data(contentsOf: URL(filePath: "\(tests)/Golden/\(file).json"))
        return try #require(try JSONParser.parse(Array(data))["frames"]?.array)
    }
}
