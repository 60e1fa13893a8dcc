// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel

extension PeriodicTaskStatus {
    var json: JSONValue {
        var fields: JSONObject = [
            "task": .string(name), "option": .string(option), "state": .string(stateName),
            "interval_s": interval.map { JSONNumber($0 / .seconds(1)).map { .number($0) } ?? .null } ?? .null,
            "next_run": JSONValue(nextAt?.iso), "runs": JSONValue(runs), "failures": JSONValue(failures),
        ]
        switch state {
        case .off(let reason): fields["reason"] = .string(reason)
        case .running(let since): fields["since"] = .string(since.iso)
        case .waiting: break
        }
        if let last {
            fields["last_run"] = [
                "begun_at": .string(last.begunAt.iso), "outcome": .string(last.outcome.rawValue),
                "seconds": JSONNumber(last.duration / .seconds(1)).map { .number($0) } ?? .null,
                "result": .string(last.words),
            ]
        }
        return .object(fields)
    }

    init?(json: JSONValue) {
        guard let name = json["task"]?.string, let option = json["option"]?.string, let word = json["state"]?.string
        else { return nil }
        func seconds(_ value: JSONValue?) -> Duration? {
            guard case .number(let number)? = value, let seconds = number.double else { return nil }
            return .seconds(seconds)
        }
        func moment(_ value: JSONValue?) -> Timestamp? { value?.string.flatMap { Timestamp($0) } }
        let state: State =
            switch word {
            case "off": .off(json["reason"]?.string ?? "")
            case "running": .running(since: moment(json["since"]) ?? Timestamp(microseconds: 0))
            default: .waiting
            }
        let last = json["last_run"].flatMap { run -> Run? in
            guard let begunAt = moment(run["begun_at"]), let outcome = run["outcome"]?.string.flatMap(Outcome.init)
            else { return nil }
            return Run(
                begunAt: begunAt, duration: seconds(run["seconds"]) ?? .zero, outcome: outcome,
                words: run["result"]?.string ?? "")
        }
        self.init(
            name: name, option: option, interval: seconds(json["interval_s"]), state: state, last: last,
            nextAt: moment(json["next_run"]), runs: json["runs"]?.int ?? 0, failures: json["failures"]?.int ?? 0)
    }

    var stateName: String {
        switch state {
        case .off: "off"
        case .waiting: "waiting"
        case .running: "running"
        }
    }
}
