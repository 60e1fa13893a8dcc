// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import FakeDriver
import Testing

/// A driver with the core alone, to see that a facet is a fact of the type.
private struct PlainDriver: ComputeDriver {
    static let name = DriverName(rawValue: "plain.PlainDriver")
    static let caveats: [DriverOperation: String] = [.reboot: "hard only", .powerOff: "never shown: it is missing"]
    static let acceptedSpawnArguments: Set<SpawnArgument> = []
    static let needsImage = true

    func start() async throws {}
    func run() async throws {}
    func summary() async -> String { "plain" }
    func instances() async throws -> [InstanceSummary] { [] }
    func info(_ instance: InstanceID) async throws -> InstanceInfo { throw ComputeFault.instanceNotFound(instance) }
    func spawn(_ request: SpawnRequest) async throws {}
    func destroy(_ instance: Instance) async throws {}
    func reboot(_ request: RebootRequest) async throws {}
    func hostResources() async throws -> HostResources { throw unsupported(.hostResources) }
}

@Suite("The support matrix is read off the drivers' types")
struct SupportMatrixTests {
    private let matrix = SupportMatrix(drivers: [FakeDriver.self, PlainDriver.self])

    private func support(_ driver: any ComputeDriver.Type, _ operation: DriverOperation) -> SupportMatrix.Support? {
        matrix.entries.first { $0.driver == driver.name && $0.operation == operation }?.support
    }

    @Test("Every driver has a line for every operation")
    func isComplete() {
        #expect(matrix.entries.count == 2 * DriverOperation.allCases.count)
        #expect(matrix.drivers == [FakeDriver.name, PlainDriver.name])
    }

    @Test("A driver that adopts every facet has every operation", arguments: DriverOperation.allCases)
    func fakeHasAll(_ operation: DriverOperation) {
        #expect(support(FakeDriver.self, operation) == .complete)
    }

    @Test("A facet that is not adopted is missing, whatever a caveat says")
    func plainLacksFacets() {
        for operation in [DriverOperation.powerOff, .powerOn, .consoleOutput, .hostUptime, .lifecycleEvents] {
            #expect(support(PlainDriver.self, operation) == .missing)
        }
        #expect(support(PlainDriver.self, .spawn) == .complete)
        #expect(support(PlainDriver.self, .reboot) == .partial)
    }

    @Test("The matrix for programs names driver, operation, support and caveat")
    func json() throws {
        let lines = try #require(matrix.json.array)
        #expect(lines.count == matrix.entries.count)
        let reboot = try #require(lines.first { $0["driver"] == "plain.PlainDriver" && $0["operation"] == "reboot" })
        #expect(
            reboot == [
                "driver": "plain.PlainDriver", "operation": "reboot", "support": "partial", "caveat": "hard only",
            ])
    }

    @Test("A refusal names the driver and the operation")
    func refusal() {
        let fault = PlainDriver().unsupported(.powerOff)
        #expect(fault.kind == .unsupportedOperation)
        #expect(fault.message == "The plain.PlainDriver driver does not support power_off.")
        #expect(!fault.isRetriable)
    }
}
