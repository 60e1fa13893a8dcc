// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ComputeService

struct TasksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tasks",
        abstract: "List what the worker of this host does by itself: last run, next run, duration, outcome.",
        discussion: """
            Asks the running worker through its control socket, as its user or as root. A task that is off says why.

            Example:
              compute-worker tasks --config-file /etc/nova/nova.conf
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(name: .long, help: "table for people, json for programs.")
    var format: OutputFormat = .table

    func run() async throws {
        let configuration = try options.load()
        let output = try await CommandFailure.catching { try await Program.tasks(configuration) }
        print(format == .json ? output.json : output.text)
    }
}
