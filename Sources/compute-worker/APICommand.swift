// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ComputeService

struct APICommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "api",
        abstract: "List the methods that the worker serves: versions, arguments, events.",
        discussion: """
            Read off the table that dispatches them; docs/API.md is the markdown of it.

            Example:
              compute-worker api --format json
            """,
        aliases: ["methods"])

    @Option(name: .long, help: "table for people, json for programs, markdown for pages.")
    var format: DocumentFormat = .table

    func run() { format.print(Program.methods) }
}
