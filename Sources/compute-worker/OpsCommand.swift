// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ComputeService

struct OpsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ops",
        abstract: "Cancel an operation of this host.",
        discussion: """
            Example:
              compute-worker ops cancel 17 --config-file /etc/nova/nova.conf
            """,
        subcommands: [Cancel.self])

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give an operation up: one that waits ends, one that runs undoes itself.",
            discussion: """
                Its error event is told and its caller answered; no restart takes it up again. Asks the worker that runs,
                else writes the wish into the journal, and the next start ends it. The status is 66 if the journal has no
                such id, and 77 if it can't be cancelled any more.

                Example:
                  compute-worker ops cancel 17 --config-file /etc/nova/nova.conf
                """)

        @OptionGroup var options: ConfigurationOptions
        @OptionGroup var operation: OperationArgument

        @Option(name: .long, help: "table for people, json for programs.")
        var format: OutputFormat = .table

        func run() async throws {
            let configuration = try options.load()
            let output = try await CommandFailure.catching {
                try await Program.cancel(operation.id, configuration)
            }
            print(format == .json ? output.json : output.text)
        }
    }
}

/// Which operation is meant.
struct OperationArgument: ParsableArguments {
    @Argument(help: "The operation's id, as ops list shows it.")
    var id: Int

    func validate() throws {
        guard id > 0 else { throw ValidationError("An operation's id is a whole number from 1; see ops list.") }
    }
}
