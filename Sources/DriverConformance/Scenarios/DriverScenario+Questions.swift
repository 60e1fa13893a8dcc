// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

extension DriverScenario {
    /// Consoles and counters.
    static let questions: [DriverScenario] = [
        DriverScenario(
            .consoleOutput, absence: .isNotFound, arrange: { try await $0.build() },
            act: { stage in
                let output = try await stage.facet((any ConsoleOutputDriver).self, .consoleOutput)
                    .consoleOutput(stage.instance)
                stage.expect(output.count <= 102_400, "there are \(output.count) bytes")
            }),
        screen(.vncConsole) { try await $0.facet((any VNCConsoleDriver).self, .vncConsole).vncConsole($0.instance) },
        screen(.spiceConsole) { stage in
            try await stage.facet((any SPICEConsoleDriver).self, .spiceConsole).spiceConsole(stage.instance)
        },
        screen(.serialConsole) { stage in
            try await stage.facet((any SerialConsoleDriver).self, .serialConsole).serialConsole(stage.instance)
        },
        screen(.mksConsole) { try await $0.facet((any MKSConsoleDriver).self, .mksConsole).mksConsole($0.instance) },
        DriverScenario(
            .consolePool,
            act: { stage in
                let pool = try await stage.facet((any ConsolePoolDriver).self, .consolePool).consolePool("vnc")
                stage.expect(!pool.address.isEmpty && !pool.username.isEmpty, "the pool has no address or no name")
            }),
        DriverScenario(
            .diagnostics, absence: .isNotFound, arrange: { try await $0.build() },
            act: { stage in
                let counters = try await stage.facet((any DiagnosingDriver).self, .diagnostics)
                    .diagnostics(stage.instance)
                let memory = ByteCount.mib(stage.instance.memoryMiB).kib
                stage.expect(counters["memory"]?.int == Int(memory), "'memory' is not \(memory) (KiB)")
                stage.expect(counters["cpu0_time"]?.int != nil, "there is no 'cpu0_time'")
            }),
        DriverScenario(
            .instanceDiagnostics, absence: .isNotFound, arrange: { try await $0.build() },
            act: { stage in
                let counters = try await stage.facet((any DiagnosingDriver).self, .instanceDiagnostics)
                    .instanceDiagnostics(stage.instance)
                stage.expect(counters.powerState == .running, "the power state is \(counters.powerState)")
                stage.expect(counters.memory == .mib(stage.instance.memoryMiB), "the memory is \(counters.memory)")
                stage.expect(counters.cpuTimes.count == stage.instance.vcpus, "there are other processors")
                stage.expect(counters.disks.contains { $0.device == stage.bench.rootDevice }, "the root disk has no counters")
            }),
        DriverScenario(
            .blockCounters, absence: .isNotFound, arrange: { try await $0.build() },
            act: { stage in
                let driver = try stage.facet((any DeviceCountingDriver).self, .blockCounters)
                let counters = try await driver.blockCounters(of: stage.instance, disk: stage.bench.rootDevice)
                stage.expect(counters.device == stage.bench.rootDevice, "the counters are those of \(counters.device)")
                do {
                    _ = try await driver.blockCounters(of: stage.instance, disk: "none")
                    stage.complain("a disk that is not there has counters")
                } catch is ComputeFault {}
            }),
        DriverScenario(
            .interfaceCounters, absence: .isNotFound, arrange: { try await $0.buildWithInterface() },
            act: { stage in
                let driver = try stage.facet((any DeviceCountingDriver).self, .interfaceCounters)
                let known = try await (driver as? any DiagnosingDriver)?.instanceDiagnostics(stage.instance)
                let name = known?.interfaces.first?.device ?? "vnet0"
                let counters = try await driver.interfaceCounters(of: stage.instance, interface: name)
                stage.expect(counters.device == name, "the counters are those of \(counters.device)")
            }),
        DriverScenario(
            .bandwidth, arrange: { try await $0.buildWithInterface() },
            act: { stage in
                let usage = try await stage.facet((any BandwidthReportingDriver).self, .bandwidth)
                    .bandwidth(of: [stage.instance])
                stage.expect(usage.map(\.macAddress) == [stage.address], "the counters are \(usage)")
                stage.expect(usage.allSatisfy { $0.instance == stage.instance.id }, "they are another guest's")
            }),
    ]

    /// A question for a guest's screen, which one that is off does not have.
    private static func screen(
        _ operation: DriverOperation, _ ask: @escaping @Sendable (Stage) async throws -> ConsoleEndpoint
    ) -> DriverScenario {
        DriverScenario(
            operation, absence: .isNotFound, arrange: { try await $0.build() },
            act: { stage in
                let endpoint = try await ask(stage)
                stage.expect(!endpoint.host.isEmpty && endpoint.port > 0, "the address is \(endpoint)")
            },
            clear: { stage in
                guard let driver = stage.driver as? any PoweringDriver, try await stage.power() == .running else {
                    return
                }
                try await driver.powerOff(stage.instance)
                do {
                    _ = try await ask(stage)
                    stage.complain("a guest that is off has a screen")
                } catch let fault as ComputeFault where fault.kind == .consoleNotAvailable {}
            })
    }
}
