// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import TestSupport
import Testing

extension Program.CrashTests {
    @Test(
        "The broker restarts and crashes in the middle of the steps: every cast is done and no event is missing",
        .timeLimit(.minutes(10)))
    func brokerRestarts() async throws {
        let hypervisor = try #require(Hypervisor.current)
        let broker = try await RabbitMQServer.start()
        do {
            try await Bench.with(own: broker) { bench in
                var settings = try await hypervisor.settings(bench)
                settings.options["oslo_messaging_rabbit"] = ["amqp_durable_queues": "true"]
                var worker = try await bench.worker(settings)
                let probe = try await bench.probe()
                try await probe.collectEvents(durable: true)
                let oslo = try await bench.oslo("--durable")
                let instance = newInstance()
                try await oslo.cast("run_instance", instance, to: "one", image: Hypervisor.image)
                try await broker.restart()
                try await probe.ask(["do": "reconnect"])
                try await probe.events(of: instance, until: "compute.instance.create.end", within: 90)

                try await oslo.cast("reboot_instance", instance, to: "one")
                try await probe.events(of: instance, until: "compute.instance.reboot.start")
                await broker.kill()
                // The reboot ends while nobody can be told, and the worker dies with the news.
                try await isFinished("reboot_instance", bench, worker)
                try await worker.crash()
                worker = try bench.launch(settings)
                try await broker.start()
                try await probe.ask(["do": "reconnect"])
                try await probe.events(of: instance, until: "compute.instance.reboot.end", within: 90)

                for (method, end) in [
                    ("stop_instance", "power_off.end"), ("start_instance", "power_on.end"),
                    ("terminate_instance", "delete.end"),
                ] {
                    try await oslo.cast(method, instance, to: "one")
                    await broker.kill()
                    try await broker.start()
                    try await probe.ask(["do": "reconnect"])
                    try await probe.events(of: instance, until: "compute.instance.\(end)", within: 90)
                }
                let all = try await probe.events(
                    of: instance, until: ["compute.instance.delete.end"], within: 30, settle: 1)
                #expect(
                    all.distinct.types == [
                        "create.start", "create.end", "reboot.start", "reboot.end", "power_off.start", "power_off.end",
                        "power_on.start", "power_on.end", "delete.start", "shutdown.start", "shutdown.end",
                        "delete.end",
                    ])
                #expect(try await hypervisor.isGone(instance, of: worker))
                #expect(await worker.isReady())
                #expect(try await worker.stop() == .exited(0))
            }
        } catch {
            await broker.shutDown()
            throw error
        }
        await broker.shutDown()
    }

    /// Waits until the journal says that an operation is over; the witness kills nobody.
    private func isFinished(_ operation: String, _ bench: Bench, _ worker: WorkerProcess) async throws {
        let script = PythonClient.projectDirectory.appending(path: "Tests/Clients/journal_killer.py").path
        let witness = try await ChildProcess.run(
            bench.servers.python,
            [
                script, worker.database.path, "0", "--operation", operation, "--step", "no such step", "--timeout",
                "60", "--any",
            ],
            within: .seconds(70))
        try #require(witness.output.contains("past it"), "\(witness)")
    }
}
