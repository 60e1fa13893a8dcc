// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ComputeService

struct CastCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cast",
        abstract: "Send a method to a worker without waiting for its result.",
        discussion: """
            Returns when the broker has confirmed the message; says so if no worker's queue took it.

            Example:
              compute-worker cast reboot_instance --server host1 --args-file reboot.json --config-file nova.conf
            """)

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var request: RequestOptions

    @Flag(name: .long, help: "Send it to every worker of the topic.")
    var fanout = false

    @Option(name: .long, help: "table for people, json for programs.")
    var format: OutputFormat = .table

    func run() async throws {
        let request = try request.request(isFanout: fanout)
        let configuration = try options.load()
        let receipt = try await CommandFailure.catching { try await Program.cast(request, configuration) }
        print(format == .json ? receipt.json : receipt.text)
    }
}
