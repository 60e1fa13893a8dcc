// SPDX-License-Identifier: Apache-2.0

extension OptionTable {
    static let fakeOptions: [ConfigurationOption] = [
        ConfigurationOption(
            "fake", "operation_delay", .number(0...3600), default: "0",
            "For trials with fake.FakeDriver: seconds that each change of a guest takes.")
    ]
}
