// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel
internal import WorkerStore

extension ToolOutput {
    /// Operations, one a line; a row of each for programs.
    init(_ rows: [OperationRow], now: Timestamp) {
        var table = TextTable(["ID", "METHOD", "INSTANCE", "STATE", "STEP", "AGE", "ATTEMPTS", "LAST ERROR"])
        for row in rows {
            let line = row.line
            table.append([
                line.id.description, Self.oneLine(line.method), line.instance?.description ?? "-", row.state,
                Self.oneLine(row.stage), Age.text(from: line.receivedAt, to: now), String(line.attempts),
                Self.oneLine(row.errorWords),
            ])
        }
        self.init(
            text: rows.isEmpty ? "no operations" : table.text,
            json: JSONWriter.text(["operations": .array(rows.map(\.json))]))
    }

    /// All of one operation, with the calls to other services that were made for it and what is registered for its
    /// instance.
    init(_ row: OperationRow, calls: [PeerCallLine] = [], resources: [StoredResource], now: Timestamp) {
        let line = row.line
        var lines: [(String, String)] = [
            ("id", line.id.description), ("method", line.method + (line.expectsReply ? " (a call)" : "")),
            ("instance", line.instance?.description ?? "-"), ("request", line.requestID ?? "-"),
            ("state", row.state), ("step", row.step.map { $0.string ?? JSONWriter.text($0) } ?? "-"),
            ("received", "\(line.receivedAt.iso) (\(Age.text(from: line.receivedAt, to: now)) ago)"),
        ]
        if let turn = row.turn {
            lines.append(("begun", "\(turn.begunAt.iso) (\(Age.text(from: turn.begunAt, to: now)) ago)"))
        }
        if let progress = row.turn?.progress { lines.append(("progress", "\(progress) %")) }
        if let finished = line.finishedAt { lines.append(("finished", finished.iso)) }
        lines += [("attempts", String(line.attempts)), ("last error", row.errorWords)]
        lines += calls.map { call in
            let end = call.endedAt.map { "after \(Age.milliseconds(from: call.begunAt, to: $0)) ms" }
            let outcome = call.outcome ?? (row.line.finishedAt == nil ? "no answer yet" : "the answer was not awaited")
            return ("asked", ["\(call.peer) \(call.method)", call.begunAt.iso, end, outcome].compactMap(\.self)
                .joined(separator: ", "))
        }
        lines += resources.map { ("resource", "\($0.kind) \($0.name)") }
        let width = lines.map(\.0.count).max() ?? 0
        var object = row.json.object ?? JSONObject()
        object["resources"] = .array(resources.map { ["kind": .string($0.kind), "name": .string($0.name)] })
        object["peer_calls"] = .array(
            calls.map { call in
                [
                    "n": JSONValue(call.number), "peer": .string(call.peer), "method": .string(call.method),
                    "begun_at": .string(call.begunAt.iso), "ended_at": JSONValue(call.endedAt?.iso),
                    "outcome": JSONValue(call.outcome),
                ]
            })
        self.init(
            text: lines.map { name, value in
                name + String(repeating: " ", count: width - name.count + 2) + Self.oneLine(value)
            }.joined(separator: "\n"),
            json: JSONWriter.text(.object(object)))
    }

    /// How a worker fares.
    init(_ status: WorkerStatus, now: Timestamp) {
        var first =
            "\(status.host) (pid \(status.processID)): \(status.isReady ? "ready" : "not ready") since "
            + "\(status.since.iso) (\(Age.text(from: status.since, to: now)))"
        if let outage = status.hypervisorOutage {
            first += "; the hypervisor is away for \(Age.text(from: outage.since, to: now)), casts wait"
        }
        var lines = [first]
        lines += status.reasons.map { "  because \(Self.oneLine($0))" }
        lines += status.warnings.map { "  warning: \(Self.oneLine($0))" }
        lines.append(
            "running \(status.running), waiting \(status.waiting), outbox \(status.outbox), quarantined "
                + "\(status.quarantined.count)")
        lines += status.resources.lines
        lines += status.quarantined.map { "  \(Self.oneLine($0))" }
        self.init(text: lines.joined(separator: "\n"), json: JSONWriter.text(status.json))
    }

    /// Text of others in a line of ours: no line ends, nothing that moves a terminal's cursor.
    static func oneLine(_ text: String) -> String {
        let plain = text.unicodeScalars.map { scalar in
            scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) ? " " : scalar
        }
        return String(String.UnicodeScalarView(plain))
    }
}
