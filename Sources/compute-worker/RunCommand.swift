// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ComputeService

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Serve: take casts from the broker until told to stop.",
        discussion: """
            Stops gracefully on SIGTERM or SIGINT (takes nothing new, finishes or journals what runs), at once on the
            second signal: the journal makes any moment safe. SIGUSR1 or SIGUSR2 logs a report of all
            counters.

            Example:
              compute-worker run --config-file /etc/nova/nova.conf --config-file /etc/nova/nova-compute.conf
            """)

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        let configuration = try options.load()
        try await CommandFailure.catching { try await Program.run(configuration) }
    }
}
