// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ComputeService

struct DriversCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drivers",
        abstract: "List the drivers and what each can do.",
        discussion: """
            The matrix is read off the drivers' types, without connecting to anything; docs/DRIVERS.md is the markdown
            of it.

            Example:
              compute-worker drivers --format json
            """)

    @Option(name: .long, help: "table for people, json for programs, markdown for pages.")
    var format: DocumentFormat = .table

    func run() { format.print(Program.drivers) }
}
