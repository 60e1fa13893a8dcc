// SPDX-License-Identifier: Apache-2.0

extension Instance {
    /// The flavor with the sizes that the instance has now, which are its own where they differ.
    public var flavorInUse: JSONObject {
        var flavor = flavor ?? ["name": .null]
        flavor["memory_mb"] = JSONValue(memoryMiB)
        flavor["vcpus"] = JSONValue(vcpus)
        flavor["root_gb"] = JSONValue(rootGiB)
        flavor["ephemeral_gb"] = JSONValue(ephemeralGiB)
        if let number = fields["instance_type_id"], flavor["id"] == nil { flavor["id"] = number }
        return flavor
    }

    /// The same instance with the sizes of a flavor.
    ///
    /// - Throws: ``ComputeFault`` of kind `invalid` when a size has the wrong type.
    public func resized(to flavor: JSONObject) throws(ComputeFault) -> Instance {
        var fields = fields
        for key in ["memory_mb", "vcpus", "root_gb", "ephemeral_gb"] {
            if let size = flavor[key] { fields[key] = size }
        }
        if let number = flavor["id"] { fields["instance_type_id"] = number }
        fields["instance_type"] = .object(flavor)
        return try Instance(fields: fields)
    }

    /// The same instance with these fields set; null stays, and a key of `removed` goes.
    public func with(_ values: JSONObject = JSONObject(), without removed: [String] = []) throws(ComputeFault)
        -> Instance
    {
        var fields = fields
        for key in removed { fields[key] = nil }
        for member in values.members { fields[member.key] = member.value }
        return try Instance(fields: fields)
    }
}
