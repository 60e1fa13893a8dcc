// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Testing

@Suite("JSON objects keep what they are given")
struct JSONObjectTests {
    @Test("setting a key keeps its place, a new key goes to the end, nil removes")
    func order() {
        var object: JSONObject = ["b": 1, "a": 2]
        object["b"] = 3
        object["c"] = nil
        object["d"] = .null
        #expect(object.keys == ["b", "a", "d"])
        #expect(object["b"] == 3)
        object["b"] = nil
        #expect(object.keys == ["a", "d"])
    }

    @Test("objects are equal whatever the order, and have equal hashes then")
    func equality() {
        let left: JSONObject = ["a": 1, "b": [2, nil]]
        let right: JSONObject = ["b": [2, nil], "a": 1]
        #expect(left == right)
        #expect(left.hashValue == right.hashValue)
        #expect(left != ["a": 1])
        #expect(left != ["a": 1, "b": [nil, 2]])
    }
}
