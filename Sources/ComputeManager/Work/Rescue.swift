// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// What the row of a rescued instance keeps of its rescue.
struct Rescue: Sendable {
    /// Where the row keeps it.
    static let key = "rescue"

    /// The image that it was booted from; nil for a driver that needs none.
    let imageRef: String?
    /// When it was asked for.
    let since: Timestamp
    /// For the driver alone: no row keeps it.
    var password: Secret<String>?

    init(imageRef: String?, since: Timestamp, password: Secret<String>?) {
        self.imageRef = imageRef
        self.since = since
        self.password = password
    }

    /// Nil where the instance is not rescued, as far as its row knows.
    init?(_ row: StoredInstance) {
        guard let kept = row.details[Self.key], let since = kept["since"]?.string.flatMap({ Timestamp($0) }) else {
            return nil
        }
        self.init(imageRef: kept["image_ref"]?.string, since: since, password: nil)
    }

    func write(to row: inout StoredInstance) {
        row.details[Self.key] = ["image_ref": JSONValue(imageRef), "since": .string(since.iso)]
    }
}
