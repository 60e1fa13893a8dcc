// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

extension ToolOutput {
    /// Operations, one a line; a row of each for programs.
    init(_ rows: [OperationRow], now: Timestamp) {
        var table = TextTable(["ID", "METHOD", "INSTANCE", "STATE", "STEP", "AGE", "ATTEMPTS", "LAST ERROR"])
        for row in rows {
            table.append([
                row.id.description, row.method, row.instance?.description ?? "-", row.state.rawValue,
                row.stepName ?? "-", row.age(now: now), String(row.attempts), row.lastError.map(Self.oneLine) ?? "-",
            ])
        }
        self.init(
            text: rows.isEmpty ? "no operations" : table.text,
            json: JSONWriter.text(["operations": .array(rows.map(\.json))]))
    }

    /// All of one operation, with what is registered for its instance.
    init(_ row: OperationRow, resources: [(kind: String, name: String)], now: Timestamp) {
        var lines: [(String, String)] = [
            ("id", row.id.description), ("method", row.method + (row.isCall ? " (a caller waits)" : "")),
            ("instance", row.instance?.description ?? "-"), ("request", row.requestID ?? "-"),
            ("state", row.state.rawValue), ("step", row.step ?? "-"),
        ]
        if let received = row.receivedAt { lines.append(("received", "\(received.iso) (\(row.age(now: now)) ago)")) }
        if let begun = row.begunAt { lines.append(("begun", "\(begun.iso) (\(Age.text(from: begun, to: now)) ago)")) }
        if let finished = row.finishedAt { lines.append(("finished", finished.iso)) }
        lines += [("attempts", String(row.attempts)), ("last error", row.lastError.map(Self.oneLine) ?? "-")]
        lines += resources.map { ("resource", "\($0.kind) \($0.name)") }
        let width = lines.map(\.0.count).max() ?? 0
        var object = row.json.object ?? JSONObject()
        object["resources"] = .array(
            resources.map { ["kind": .string($0.kind), "name": .string($0.name)] })
        self.init(
            text: lines.map { name, value in
                name + String(repeating: " ", count: width - name.count + 2) + Self.oneLine(value)
            }.joined(separator: "\n"),
            json: JSONWriter.text(.object(object)))
    }

    /// How a worker fares.
    init(_ status: WorkerStatus, now: Timestamp) {
        var lines = [
            "\(status.host) (pid \(status.processID)): \(status.isReady ? "ready" : "not ready") since "
                + "\(status.since.iso) (\(Age.text(from: status.since, to: now)))"
        ]
        lines += status.reasons.map { "  because \(Self.oneLine($0))" }
        lines += status.warnings.map { "  warning: \(Self.oneLine($0))" }
        lines.append(
            "running \(status.running), waiting \(status.waiting), outbox \(status.outbox), quarantined "
                + "\(status.quarantined)")
        self.init(text: lines.joined(separator: "\n"), json: JSONWriter.text(status.json))
    }

    /// Text of others in a line of ours: no line ends, nothing that moves a terminal's cursor.
    private static func oneLine(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) ? " " : $0 }))
    }
}

extension OperationRow {
    fileprivate func age(now: Timestamp) -> String {
        receivedAt.map { Age.text(from: $0, to: now) } ?? "-"
    }
}
