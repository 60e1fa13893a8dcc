// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ComputeService

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Tell whether the worker of this host is ready, and if not, why.",
        discussion: """
            Asks the running worker through its control socket, as its user or as root. The status is 0 if casts are
            taken in, done and told of, 1 if it is not ready, 69 if it is ready but the hypervisor is away (casts are
            taken in and wait) or if no worker runs, and 75 if it does not answer. With --format json the key working
            says the first, and hypervisor_outage since when and why.

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
        if let failure = status.failure { throw ExitCode(failure.status) }
    }
}
