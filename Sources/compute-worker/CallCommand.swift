// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ComputeService

struct CallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call",
        abstract: "Call a method of a worker and print its result.",
        discussion: """
            Prints a text result as it is, anything else as JSON; with --format json always one JSON object with the key
            result. A failure of the method is told on standard error with its class; the status is then 1.

            Example:
              compute-worker call get_host_uptime --server host1 --config-file nova.conf
            """)

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var request: RequestOptions

    @Option(name: .long, help: "Seconds to wait for the result; rpc_response_timeout by default.")
    var timeout: Int?

    @Option(name: .long, help: "table for people, json for programs.")
    var format: OutputFormat = .table

    func validate() throws {
        if let timeout, timeout < 1 { throw ValidationError("--timeout takes a whole number of seconds from 1.") }
    }

    func run() async throws {
        let request = try request.request()
        let configuration = try options.load()
        let result = try await CommandFailure.catching {
            try await Program.call(request, timeout: timeout.map { .seconds($0) }, configuration)
        }
        print(format == .json ? result.json : result.text)
    }
}
