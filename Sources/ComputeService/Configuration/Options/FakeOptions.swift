// SPDX-License-Identifier: Apache-2.0

internal import Configuration

/// How the driver without a hypervisor behaves: `[fake]`.
public struct FakeOptions: Sendable, Equatable {
    /// `operation_delay`: how long each change of a guest takes.
    public var operationDelay: Duration

    init(config: ConfigReader) throws {
        operationDelay = .seconds(try config.requiredDouble(forKey: "operation_delay"))
    }
}
