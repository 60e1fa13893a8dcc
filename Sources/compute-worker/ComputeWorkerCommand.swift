// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ComputeService

/// The program: one subcommand a file.
@main
struct ComputeWorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compute-worker",
        abstract: "The compute agent of a hypervisor host: casts in, machines up, events out.",
        discussion: """
            Example:
              compute-worker run --config-file /etc/nova/nova.conf

            Exit status: 0 done, 1 the request failed, 64 wrong usage, 66 no such operation, 69 the broker, the
            hypervisor, the disk, the state directory or the worker is not to be had now, 73 another worker serves the
            host, 75 no answer in time, 77 the operation can't be cancelled any more, 78 the configuration is wrong,
            or the journal can't be used.
            """,
        version: Program.version,
        subcommands: [
            RunCommand.self, StatusCommand.self, TasksCommand.self, OpsCommand.self, CastCommand.self, CallCommand.self,
            EventsCommand.self, DriversCommand.self, APICommand.self, ConfigCommand.self,
        ])
}
