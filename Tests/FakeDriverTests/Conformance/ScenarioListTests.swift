// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import DriverConformance
import Testing

@Suite("The conformance suite has a scenario for each operation")
struct ScenarioListTests {
    @Test("none is missing and none is there twice")
    func complete() {
        let operations = DriverScenario.all.map(\.operation)
        #expect(operations.count == DriverOperation.allCases.count)
        #expect(Set(operations) == Set(DriverOperation.allCases))
    }
}
