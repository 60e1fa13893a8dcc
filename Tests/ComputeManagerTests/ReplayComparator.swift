// SPDX-License-Identifier: Apache-2.0

import ComputeModel

/// Holds an event of ours against a recorded one: the same keys, and values of the same types.
///
/// What may differ is written here, with its reason, and nowhere else; docs/DIFFERENCES.md tells it to consumers.
enum ReplayComparator {
    /// Moments, which are new with each run: the type must be the same.
    static let moments: Set<String> = [
        "created_at", "launched_at", "deleted_at", "audit_period_beginning", "audit_period_ending",
    ]

    /// Told as they had been before the work by whatever is no update: a string against another one.
    static let stale: Set<String> = ["state", "state_description"]

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
        let isUpdate = recorded["event_type"] == "compute.instance.update"
        for member in expected.members {
            guard let value = payload[member.key], !isPermitted(member.key, value, member.value, isUpdate: isUpdate)
            else { continue }
            differences.append("\(member.key): \(value) for \(member.value)")
        }
        return differences
    }

    private static func isPermitted(
        _ key: String, _ ours: JSONValue, _ recorded: JSONValue, isUpdate: Bool
    ) -> Bool {
        if ours == recorded { return true }
        let areStrings = ours.string != nil && recorded.string != nil
        if moments.contains(key) || !isUpdate && stale.contains(key) { return areStrings }
        return localNetwork.contains(key) && ours.array != nil && recorded.array != nil
    }
}
