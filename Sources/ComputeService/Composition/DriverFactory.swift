// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import FakeDriver
internal import Logging

/// Makes the driver that the configuration names; the one place that knows all families.
enum DriverFactory {
    static func make(
        _ configuration: WorkerConfiguration, _ makeLogger: (String) -> Logger
    ) -> any ComputeDriver {
        switch configuration.driver {
        default: FakeDriver(hostname: configuration.host)
        }
    }
}
