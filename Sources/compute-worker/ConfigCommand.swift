// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ComputeService

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Look at the configuration.",
        discussion: """
            Example:
              compute-worker config show --config-file /etc/nova/nova.conf
            """,
        subcommands: [Show.self, Sample.self])

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show every setting with its value and where it comes from; secrets are masked.",
            discussion: """
                Names also what is ignored, what is misspelt and what is wrong; the status is 78 if anything is wrong.

                Example:
                  compute-worker config show --config-file /etc/nova/nova.conf
                """)

        @OptionGroup var options: ConfigurationOptions

        @Option(name: .long, help: "table for people, json for programs.")
        var format: OutputFormat = .table

        func run() throws {
            let report = Program.configurationReport(
                files: options.configFile, directories: options.configDir, debug: options.debug)
            print(format == .json ? report.output.json : report.output.text)
            if report.isFaulty { throw ExitCode(ProgramFailure.Kind.configuration.status) }
        }
    }

    struct Sample: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a commented configuration file with every option and its default.",
            discussion: """
                Example:
                  compute-worker config sample > nova.conf
                """)

        func run() { print(Program.sampleConfiguration, terminator: "") }
    }
}
