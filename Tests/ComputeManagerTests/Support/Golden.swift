// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation

/// A recorded sequence: the request as nova-compute got it, and the events that it published, in order.
struct GoldenSequence {
    /// The request, or the last of several.
    var request: JSONObject { requests.last ?? JSONObject() }
    let requests: [JSONObject]
    let events: [JSONObject]

    init(_ name: String) throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Golden/\(name).json")
        let document = try JSONParser.parse([UInt8](Data(contentsOf: file)))
        var requests: [JSONObject] = []
        var events: [JSONObject] = []
        for frame in document["frames"]?.array ?? [] {
            guard let text = frame["body_raw"]?.string, let body = try JSONParser.parse(text).object else { continue }
            if frame["role"]?.string?.hasPrefix("request") == true { requests.append(body) }
            if body["event_type"] != nil { events.append(body) }
        }
        self.requests = requests
        self.events = events
    }

    /// The request's own instance.
    var instance: JSONObject { request["args"]?["instance"]?.object ?? JSONObject() }

    /// The bytes of all requests, in their order.
    var bodies: [[UInt8]] { requests.map { JSONWriter.bytes(.object($0)) } }

    /// The bytes of the request with the given arguments changed.
    func body(_ change: (inout JSONObject) -> Void = { _ in }) -> [UInt8] {
        var arguments = request["args"]?.object ?? JSONObject()
        change(&arguments)
        var request = request
        request["args"] = .object(arguments)
        return JSONWriter.bytes(.object(request))
    }
}
