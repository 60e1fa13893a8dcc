// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation

/// A recorded sequence: the request as nova-compute got it, and the events that it published, in order.
struct GoldenSequence {
    let request: JSONObject
    let events: [JSONObject]

    init(_ name: String) throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Golden/\(name).json")
        let document = try JSONParser.parse([UInt8](Data(contentsOf: file)))
        var request = JSONObject()
        var events: [JSONObject] = []
        for frame in document["frames"]?.array ?? [] {
            guard let text = frame["body_raw"]?.string, let body = try JSONParser.parse(text).object else { continue }
            if frame["role"]?.string?.hasPrefix("request") == true { request = body }
            if body["event_type"] != nil { events.append(body) }
        }
        self.request = request
        self.events = events
    }

    /// The request's own instance.
    var instance: JSONObject { request["args"]?["instance"]?.object ?? JSONObject() }

    /// The bytes of the request with the given arguments changed.
    func body(_ change: (inout JSONObject) -> Void = { _ in }) -> [UInt8] {
        var arguments = request["args"]?.object ?? JSONObject()
        change(&arguments)
        var request = request
        request["args"] = .object(arguments)
        return JSONWriter.bytes(.object(request))
    }
}
