// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// How old a request may be when its turn comes; an older one is refused instead of being done hours later.
public struct AgeLimits: Sendable, Hashable {
    /// The word that stands for every operation without a limit of its own.
    public static let everyOther = "default"

    /// What a limit can be set for: every operation that is journaled.
    public static var names: [String] {
        OperationTable.all.filter { !$0.isReadOnly }.map { $0.name.rawValue } + [everyOther]
    }

    private var limits: [String: Duration] = [:]

    /// Nothing is ever too old.
    public init() {}

    /// Reads `name:seconds` pairs; nil where one of them is none, or names what has no limit.
    public init?(_ pairs: [String]) {
        for pair in pairs {
            let parts = pair.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, let seconds = Int64(parts[1]), (1...31_536_000).contains(seconds),
                Self.names.contains(String(parts[0]))
            else { return nil }
            limits[String(parts[0])] = .seconds(seconds)
        }
    }

    public subscript(_ operation: OperationName) -> Duration? {
        get {
            if let own = limits[operation.rawValue] { return own }
            // A delete is as right after a week as it was at once, unless somebody says otherwise of it by name.
            return operation == TerminateInstance.name ? nil : limits[Self.everyOther]
        }
        set { limits[operation.rawValue] = newValue }
    }

    /// How long a request has waited, by the older of its sender's time and its arrival here; a sender whose clock is
    /// ahead is not believed.
    static func age(sent: String?, received: Timestamp, now: Timestamp) -> Duration {
        var since = received
        if let sent = sent.flatMap({ Timestamp($0) }), sent < now { since = min(since, sent) }
        return .microseconds(max(0, now.microseconds - since.microseconds))
    }
}
