// SPDX-License-Identifier: Apache-2.0

import DriverConformance
import Testing

@Suite("The fake driver keeps the contract", .timeLimit(.minutes(2)))
struct FakeConformanceTests {
    @Test("of each operation", arguments: DriverScenario.all)
    func conforms(_ scenario: DriverScenario) async { await scenario.run(on: FakeUnderTest()) }
}
