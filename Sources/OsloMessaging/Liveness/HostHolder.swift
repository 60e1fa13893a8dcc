// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// The worker that serves a host, as it names itself to another one that wants to.
public struct HostHolder: Sendable, Hashable, CustomStringConvertible {
    /// Fresh for each process.
    public let id: UniqueBits
    /// The machine's own name, which the option `host` need not be.
    public let machine: String
    public let processID: Int32
    public let since: Timestamp
    public let statePath: String

    public init(id: UniqueBits, machine: String, processID: Int32, since: Timestamp, statePath: String) {
        self.id = id
        self.machine = machine
        self.processID = processID
        self.since = since
        self.statePath = statePath
    }

    public var description: String {
        "process \(processID) on \(machine), since \(since.spaced) UTC, state in \(statePath)"
    }

    var json: JSONValue {
        [
            "id": .string(id.dashed), "machine": .string(machine), "pid": .number(JSONNumber(processID)),
            "since": .string(since.spaced), "state_path": .string(statePath),
        ]
    }

    /// Nil where a part is missing. It comes from somebody else and is shown to people: nothing odd is let through.
    init?(json: JSONValue) {
        func text(_ key: String) -> String? {
            json[key]?.string.map { text in
                let shown = text.unicodeScalars.filter { $0.properties.generalCategory != .control }
                return String(shown.prefix(255).map { Character($0) })
            }
        }
        guard let id = json["id"]?.string.flatMap({ InstanceID($0)?.bits }), let machine = text("machine"),
            let processID = json["pid"]?.int.flatMap({ Int32(exactly: $0) }),
            let since = text("since").flatMap({ Timestamp($0) }), let statePath = text("state_path")
        else { return nil }
        self.init(id: id, machine: machine, processID: processID, since: since, statePath: statePath)
    }
}

/// Another worker serves the host; this one must not.
public struct HostHeld: Error, Sendable, Equatable, CustomStringConvertible {
    public let host: String
    /// Nil: it does not answer.
    public let holder: HostHolder?

    public var description: String {
        let who = holder.map { "another worker: \($0)" } ?? "a worker that does not answer (dead-locked, or cut off)"
        return "the host '\(host)' is held by \(who). Stop that one, or give this one a host of its own "
            + "([DEFAULT] host)"
    }
}
