// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ComputeService

struct MethodsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "methods",
        abstract: "List the methods that the worker serves, with their versions.",
        discussion: """
            Example:
              compute-worker methods --format json
            """)

    @Option(name: .long, help: "table for people, json for programs.")
    var format: OutputFormat = .table

    func run() { print(format == .json ? Program.methods.json : Program.methods.text) }
}
