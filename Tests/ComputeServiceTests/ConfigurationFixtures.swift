// SPDX-License-Identifier: Apache-2.0

@testable import ComputeService

/// Configurations from texts, without a disk.
enum ConfigurationFixtures {
    static let facts = HostFacts(hostName: "node1", address: "192.0.2.7")
    static let drivers = ["fake.FakeDriver", "libvirt.LibvirtDriver"]

    /// Lays texts over each other as files `a.conf`, `b.conf`, …; the later wins.
    static func resolve(
        _ texts: String..., environment: [String: String] = [:],
        overrides: [ResolvedConfiguration.Override] = []
    ) -> ResolvedConfiguration {
        let files = zip("abcdef", texts).map { INIFile(path: "\($0).conf", bytes: Array($1.utf8)) }
        return ResolvedConfiguration(files: files, environment: environment, overrides: overrides, facts: facts)
    }

    /// The typed configuration of a text that may leave out the driver.
    static func worker(
        _ text: String, environment: [String: String] = [:]
    ) throws(ConfigurationFaults) -> WorkerConfiguration {
        var environment = environment
        if !text.contains("compute_driver"), !text.contains("connection_type") {
            environment["OS_DEFAULT__COMPUTE_DRIVER"] = "fake.FakeDriver"
        }
        return try WorkerConfiguration(resolve(text, environment: environment), drivers: drivers)
    }

    /// The sentences of the faults of a text; empty where there are none.
    static func faults(_ text: String, environment: [String: String] = [:]) -> [String] {
        do throws(ConfigurationFaults) {
            _ = try worker(text, environment: environment)
            return []
        } catch {
            return error.faults.map(\.description)
        }
    }
}
