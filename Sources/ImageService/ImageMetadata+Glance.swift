// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

extension ImageMetadata {
    /// Reads Glance's keys: v2 has the kernel at the top level, v1 under `properties`.
    ///
    /// - Throws: ``ComputeFault`` of kind `imageUnacceptable` when a key has the wrong type or there is no format.
    init(id: String, glance fields: JSONObject) throws(ComputeFault) {
        func refuse(_ reason: String) -> ComputeFault {
            ComputeFault(
                .imageUnacceptable, "Image \(id) is unacceptable: \(reason)",
                arguments: ["image_id": .string(id), "reason": .string(reason)])
        }
        func number(_ key: String) throws(ComputeFault) -> Int? {
            guard let value = fields[key], !value.isNull else { return nil }
            guard let number = value.int, number >= 0 else { throw refuse("'\(key)' must be a whole number from 0") }
            return number
        }
        func text(_ key: String, in object: JSONObject) throws(ComputeFault) -> String? {
            guard let value = object[key], !value.isNull else { return nil }
            guard let text = value.string else { throw refuse("'\(key)' must be a string") }
            return text.isEmpty ? nil : text
        }
        if let named = try text("id", in: fields), named != id { throw refuse("its metadata is that of another image") }
        guard let format = try text("disk_format", in: fields) else {
            throw refuse("its metadata has no disk_format, which is never guessed")
        }
        let properties = fields["properties"]?.object ?? JSONObject()
        func inherited(_ key: String) throws(ComputeFault) -> String? {
            if let value = try text(key, in: fields) { return value }
            return try text(key, in: properties)
        }
        self.init(
            id: id, name: try text("name", in: fields) ?? "", diskFormat: format,
            size: try number("size").map { Int64($0) }, minDiskGiB: try number("min_disk") ?? 0,
            minRAMMiB: try number("min_ram") ?? 0,
            kernelID: try inherited("kernel_id"), ramdiskID: try inherited("ramdisk_id"), fields: fields)
    }
}
