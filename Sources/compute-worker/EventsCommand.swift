// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ComputeService

struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Follow the notifications as they happen, like tail -f.",
        discussion: """
            Reads from a queue of its own that vanishes with it, so it takes nothing from anybody. Shows what is sent from
            now on; ends with Ctrl-C or after --count events.

            Example:
              compute-worker events --config-file nova.conf
              compute-worker events --format json --count 1 | jq .payload.state
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(name: .long, help: "End after so many events.")
    var count: Int?

    @Option(name: .long, help: "Only events whose type begins with this (compute.instance.create).")
    var type: String?

    @Option(name: .long, help: "Only events of this instance, by its uuid.")
    var instance: String?

    @Option(name: .long, help: "table for people, json for programs: one object a line.")
    var format: OutputFormat = .table

    func validate() throws {
        if let count, count < 1 { throw ValidationError("--count takes a whole number from 1.") }
    }

    func run() async throws {
        let configuration = try options.load()
        let filter = EventFilter(typePrefix: type, instance: instance, count: count)
        try await CommandFailure.catching {
            try await Program.events(filter, configuration) { event in
                print(format == .json ? event.json : event.text)
                Program.flushOutput()
            }
        }
    }
}
