// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel

extension ToolOutput {
    /// Periodic tasks, one a line.
    init(_ tasks: [PeriodicTaskStatus], now: Timestamp) {
        var table = TextTable(["TASK", "STATE", "EVERY", "LAST RUN", "TOOK", "OUTCOME", "NEXT RUN", "RUNS", "RESULT"])
        for task in tasks {
            let words: String
            if case .off(let reason) = task.state { words = "off: \(reason)" } else { words = task.last?.words ?? "-" }
            table.append([
                task.name, task.stateName, task.interval.map { "\($0.components.seconds) s" } ?? "-",
                task.last.map { Age.text(from: $0.begunAt, to: now) + " ago" } ?? "-",
                task.last.map { "\(Int(($0.duration / .milliseconds(1)).rounded())) ms" } ?? "-",
                task.last?.outcome.rawValue ?? "-",
                task.nextAt.map { $0 <= now ? "now" : "in " + Age.text(from: now, to: $0) } ?? "-",
                task.failures == 0 ? "\(task.runs)" : "\(task.runs), \(task.failures) failed", Self.oneLine(words),
            ])
        }
        self.init(
            text: tasks.isEmpty ? "no tasks" : table.text,
            json: JSONWriter.text(["tasks": .array(tasks.map(\.json))]))
    }
}
