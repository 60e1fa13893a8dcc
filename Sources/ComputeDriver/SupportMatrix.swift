// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Which driver has which operation, read off the drivers' types.
public struct SupportMatrix: Sendable, Hashable {
    /// How far a driver has an operation.
    public enum Support: String, Sendable, Hashable {
        case complete
        /// With a caveat.
        case partial
        case missing
    }

    /// One operation of one driver.
    public struct Entry: Sendable, Hashable {
        public let driver: DriverName
        public let operation: DriverOperation
        public let support: Support
        public let caveat: String?
    }

    public let drivers: [DriverName]
    public let entries: [Entry]

    public init(drivers: [any ComputeDriver.Type]) {
        self.drivers = drivers.map { $0.name }
        entries = drivers.flatMap { driver in
            DriverOperation.allCases.map { operation in
                let caveat = driver.caveats[operation]
                let support: Support =
                    !operation.isImplemented(by: driver) ? .missing : caveat == nil ? .complete : .partial
                return Entry(driver: driver.name, operation: operation, support: support, caveat: caveat)
            }
        }
    }

    /// The matrix for programs.
    public var json: JSONValue {
        .array(
            entries.map { entry in
                [
                    "driver": .string(entry.driver.rawValue), "operation": .string(entry.operation.rawValue),
                    "support": .string(entry.support.rawValue), "caveat": JSONValue(entry.caveat),
                ]
            })
    }
}

extension ComputeDriver {
    /// The refusal of an operation that this driver's type does not have; thrown before any side effect.
    public func unsupported(_ operation: DriverOperation, instance: InstanceID? = nil) -> ComputeFault {
        .unsupported(operation.rawValue, by: Self.name.rawValue, instance: instance)
    }
}
