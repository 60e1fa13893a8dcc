// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ComputeService

struct OpsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ops",
        abstract: "Look at the operations in the journal of this host, and cancel one.",
        discussion: """
            Example:
              compute-worker ops list --config-file /etc/nova/nova.conf
            """,
        subcommands: [List.self, Show.self, Cancel.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List what is unfinished: step, age, attempts, last error.",
            discussion: """
                Reads the journal, whether or not a worker runs; with one that runs it says what has its turn.

                Example:
                  compute-worker ops list --config-file /etc/nova/nova.conf
                  compute-worker ops list --finished 20 --format json
                """)

        @OptionGroup var options: ConfigurationOptions

        @Option(name: .long, help: "Also so many of the operations that ended last.")
        var finished = 0

        @Option(name: .long, help: "Only operations of this instance, by its uuid.")
        var instance: String?

        @Option(name: .long, help: "table for people, json for programs.")
        var format: OutputFormat = .table

        func validate() throws {
            guard (0...10_000).contains(finished) else {
                throw ValidationError("--finished takes a whole number from 0 to 10000.")
            }
        }

        func run() async throws {
            let configuration = try options.load()
            let output = try await CommandFailure.catching {
                try await Program.operations(finished: finished, instance: instance, configuration)
            }
            print(format == .json ? output.json : output.text)
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show all of one operation, and what was made for its instance.",
            discussion: """
                Never shows the request's body, which may hold secrets. The status is 66 if the journal has no such id.

                Example:
                  compute-worker ops show 17 --config-file /etc/nova/nova.conf
                """)

        @OptionGroup var options: OperationOptions

        func run() async throws { try await options.tell { try await Program.operation($0, $1) } }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give an operation up: one that waits ends, one that runs is asked to stop.",
            discussion: """
                One that waits ends with its error event, and its caller is answered. One that runs undoes itself if it
                still can (a build, a snapshot, an attachment); what the hypervisor is doing already (a power off, a
                reboot) goes on to its end and may succeed: ops show tells how it ended. Asks the worker that runs, else
                writes the wish into the journal for the next start. The status is 0 if it is asked, 66 if the journal
                has no such id, and 77 if it can't be cancelled any more.

                Example:
                  compute-worker ops cancel 17 --config-file /etc/nova/nova.conf
                """)

        @OptionGroup var options: OperationOptions

        func run() async throws { try await options.tell { try await Program.cancel($0, $1) } }
    }
}

/// Which operation is meant, in whose journal, and how it is told of.
struct OperationOptions: ParsableArguments {
    @OptionGroup var configuration: ConfigurationOptions

    @Argument(help: "The operation's id, as ops list shows it.")
    var id: Int

    @Option(name: .long, help: "table for people, json for programs.")
    var format: OutputFormat = .table

    func validate() throws {
        guard id > 0 else { throw ValidationError("An operation's id is a whole number from 1; see ops list.") }
    }

    /// Prints what became of the operation.
    func tell(_ body: (Int, LoadedConfiguration) async throws -> ToolOutput) async throws {
        let configuration = try configuration.load()
        let output = try await CommandFailure.catching { try await body(id, configuration) }
        print(format == .json ? output.json : output.text)
    }
}
