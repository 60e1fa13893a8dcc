// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// A hypervisor that can't be asked: casts are taken in, and wait in the journal until it is back.
struct HypervisorOutage: Sendable, Hashable {
    var since: Timestamp
    var reason: String

    init(_ since: Timestamp, _ reason: String) {
        (self.since, self.reason) = (since, reason)
    }

    var json: JSONValue { ["since": .string(since.iso), "reason": .string(reason)] }

    init?(json: JSONValue?) {
        guard let since = json?["since"]?.string.flatMap({ Timestamp($0) }) else { return nil }
        self.init(since, json?["reason"]?.string ?? "")
    }
}
