// SPDX-License-Identifier: Apache-2.0

import ComputeModel

/// Holds an event of ours against a recorded one: the same keys, and values of the same types.
///
/// What may differ is written here, with its reason, and nowhere else.
enum ReplayComparator {
    /// Values that are new with each run, or that Folsom told as they had been before the work: the type must be the
    /// same, the value is checked where it means something.
    static let fresh: Set<String> = [
        "state", "state_description", "host", "launched_at", "deleted_at", "audit_period_beginning",
        "audit_period_ending", "created_at",
    ]

    /// Null against a string: nova tells no old states where it believes that none changed, and its belief was stale.
    static let nullOrString: Set<String> = ["old_state", "old_task_state", "new_task_state", "host"]

    /// A local network gives an instance no addresses.
    static let localNetwork: Set<String> = ["fixed_ips"]

    /// The differences that are not permitted, in words; empty where the events agree.
    static func differences(_ ours: JSONObject, _ recorded: JSONObject) -> [String] {
        var differences: [String] = []
        for key in ["event_type", "priority"] where ours[key] != recorded[key] {
            differences.append("\(key): \(String(describing: ours[key])) for \(String(describing: recorded[key]))")
        }
        guard let payload = ours["payload"]?.object, let expected = recorded["payload"]?.object else {
            return differences + ["payload is no object"]
        }
        let missing = Set(expected.keys).subtracting(payload.keys).sorted()
        let surplus = Set(payload.keys).subtracting(expected.keys).sorted()
        if !missing.isEmpty { differences.append("missing \(missing)") }
        if !surplus.isEmpty { differences.append("surplus \(surplus)") }
        for member in expected.members {
            guard let value = payload[member.key] else { continue }
            if let difference = difference(member.key, value, member.value) { differences.append(difference) }
        }
        return differences
    }

    private static func difference(_ key: String, _ ours: JSONValue, _ recorded: JSONValue) -> String? {
        if localNetwork.contains(key), ours.array != nil, recorded.array != nil { return nil }
        if nullOrString.contains(key), [ours, recorded].allSatisfy({ $0.isNull || $0.string != nil }) { return nil }
        if fresh.contains(key), ours.kindName == recorded.kindName { return nil }
        return ours == recorded ? nil : "\(key): \(ours) for \(recorded)"
    }
}
