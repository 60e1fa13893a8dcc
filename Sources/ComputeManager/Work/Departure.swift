// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// That an instance has left this host for good, in the words that the record of done work keeps beside the request
/// with which it left. The record bounds how long that is known.
enum Departure {
    private static let prefix = "the instance has gone to "

    static func words(_ host: String) -> String { prefix + host }

    /// The host that ``words(_:)`` name; nil where it is something else that was written.
    static func host(in words: String?) -> String? {
        guard let words, words.hasPrefix(prefix) else { return nil }
        return String(words.dropFirst(prefix.count))
    }
}

extension ManagerServices {
    /// The instance was deleted here, wherever it had been before.
    func noteDeleted(_ id: InstanceID, askedFor moment: Timestamp) {
        deleted.note(id, askedFor: moment)
        if departed[id] != nil { departed.note(id, configuration.host) }
    }
}
