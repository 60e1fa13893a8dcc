// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Logging

/// Reads every log line of the worker for secrets, and keeps it for who reads the history.
struct CanaryLog: LogHandler {
    let world: World
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let line = "log \(event.level): \(event.message) \(fields.joined(separator: " "))"
        if line.contains(Traffic.canary) { world.violate(.noSecrets, line) }
        world.note(line)
        if event.message == "operation taken up again", let method = event.metadata?["rpc.method"],
            let step = event.metadata?["operation.step"]
        {
            let pair = "\(method): \(Self.name(ofStep: "\(step)"))"
            if !Coverage.names.contains(pair) { world.violate(.knownStep, pair) }
            world.resumed[pair, default: 0] += 1
        }
        noteTask(event)
        if event.message == "operation failed", let kind = event.metadata?["error.kind"], "\(kind)" == "expired" {
            world.faults.count(.requestTooOld)
        }
        if event.message == "operation ended", let method = event.metadata?["rpc.method"],
            let outcome = event.metadata?["operation.outcome"]
        {
            world.ended["\(method) \(outcome)", default: 0] += 1
            if "\(outcome)" == "succeeded", let request = event.metadata?["request.id"],
                world.cutOff.remove("\(request)") != nil
            {
                world.resumed["\(method): \(Coverage.begun)", default: 0] += 1
            }
        }
    }

    /// Counts what a periodic task found to do.
    private func noteTask(_ event: LogEvent) {
        let task: String? =
            switch event.message {
            case "an instance has stood still for too long": event.metadata?["option"].map { "\($0)" }
            case "builds took too long": "instance_build_timeout"
            case "a guest is here whose instance was deleted": "running_deleted_instance_action"
            default: nil
            }
        if let task { world.tasks["\(task) had something to do", default: 0] += 1 }
    }

    /// The step's name: it stands alone, or before what the step knows.
    static func name(ofStep text: String) -> String {
        guard let step = (try? JSONParser.parse(text))?.array?.first else { return text }
        return step.string ?? step.object?.members.first?.key ?? text
    }
}
