// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel

/// The methods of a dialect with their arguments and events, as its table has them.
struct InterfaceListing {
    private let table: DialectTable

    init(_ table: DialectTable) { self.table = table }

    var output: DocumentOutput { DocumentOutput(text: text, json: JSONWriter.text(json), markdown: markdown) }

    private var text: String {
        var lines = TextTable(["METHOD", "SINCE", "JOURNALED", "ARGUMENTS", "EVENTS", "WHAT IT DOES"])
        for method in table.methods {
            lines.append([
                method.method, method.since, method.isReadOnly ? "no" : "yes",
                method.parameters.map { $0.isRequired ? $0.name : "[\($0.name)]" }.joined(separator: " "),
                method.events.joined(separator: " "), method.summary,
            ])
        }
        return "\(table.name)\n\(lines.text)"
    }

    private var json: JSONValue {
        .array(
            table.methods.map { method in
                [
                    "dialect": .string(table.name), "method": .string(method.method),
                    "since": .string(method.since), "operation": .string(method.operation.rawValue),
                    "journaled": .bool(!method.isReadOnly), "summary": .string(method.summary),
                    "arguments": .array(method.parameters.map(Self.json)),
                    "events": .array(method.events.map { .string("compute.instance.\($0)") }),
                    "arguments_schema": .string("schemas/arguments/\(method.method).json"),
                    "result_schema": .string("schemas/results/\(method.method).json"),
                ]
            })
    }

    private static func json(_ parameter: Parameter) -> JSONValue {
        [
            "name": .string(parameter.name), "kind": .string(parameter.kind.rawValue),
            "required": .bool(parameter.isRequired), "secret": .bool(parameter.isSecret),
        ]
    }

    private var markdown: String {
        var page = """
            # The compute interface

            \(table.name), as `compute-worker api --format markdown` prints it. A method is served to whoever asks for
            its version or a later one of the same interface; every other is refused with the exception that a client
            expects.

            An argument in brackets may be left out or null; one in *italics* is a secret, which no log and no event
            tells. A method that is not journaled only reads: it is answered and forgotten. All others are acknowledged
            when they are on the disk, done once, and taken up again after a restart.

            Events are named without their prefix `compute.instance.`; where updates are told
            (`notify_on_state_change`), an `update` stands between them for each write. A method that fails tells an
            error event of its own name.

            | method | since | journaled | arguments | result | events | what it does |
            |---|---|---|---|---|---|---|

            """
        for method in table.methods {
            let arguments = method.parameters.map { parameter in
                let name = parameter.isSecret ? "*\(parameter.name)*" : "`\(parameter.name)`"
                return parameter.isRequired ? name : "[\(name)]"
            }
            let events = method.events.map { "`\($0)`" }.joined(separator: ", ")
            page += "| [`\(method.method)`](../schemas/arguments/\(method.method).json) | \(method.since) | "
            page += "\(method.isReadOnly ? "no" : "yes") | \(arguments.joined(separator: ", ")) | "
            page += "[schema](../schemas/results/\(method.method).json) | \(events.isEmpty ? "–" : events) | "
            page += "\(method.summary) |\n"
        }
        return page
    }
}
