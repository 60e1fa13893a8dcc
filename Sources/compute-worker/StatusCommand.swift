// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ComputeService

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Tell whether the worker of this host is ready, and if not, why.",
        discussion: """
            Asks the running worker through its control socket, as its user or as root. The status is 0 if it is ready,
            1 if it is not, 69 if no worker runs, and 75 if it does not answer.

            Example:
              compute-worker status --config-file /etc/nova/nova.conf
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(name: .long, help: "table for people, json for programs.")
    var format: OutputFormat = .table

    func run() async throws {
        let configuration = try options.load()
        let status = try await CommandFailure.catching { try await Program.status(configuration) }
        print(format == .json ? status.output.json : status.output.text)
        if !status.isReady { throw ExitCode(ProgramFailure.Kind.failed.status) }
    }
}
