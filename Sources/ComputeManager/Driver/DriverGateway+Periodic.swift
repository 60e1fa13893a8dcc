// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

extension DriverGateway {
    func hostResources() async throws -> HostResources {
        try await call(.hostResources, isRepeatable: false) { try await driver.hostResources() }
    }

    func hostStatistics() async throws -> HostStatistics {
        guard let driver = driver as? any HostStatisticsDriver else { throw driver.unsupported(.hostStatistics) }
        return try await call(.hostStatistics, isRepeatable: false) { try await driver.hostStatistics() }
    }

    func manageImageCache(inUse instances: [Instance]) async throws -> ImageCacheReport {
        guard let driver = driver as? any ImageCachingDriver else { throw driver.unsupported(.manageImageCache) }
        return try await call(.manageImageCache, isRepeatable: false) {
            try await driver.manageImageCache(inUse: instances)
        }
    }

    /// One by one, so that a guest that can't be read keeps nobody from reading the others.
    func bandwidth(of instance: Instance) async throws -> [InterfaceUsage] {
        guard let driver = driver as? any BandwidthReportingDriver else { throw driver.unsupported(.bandwidth) }
        return try await call(.bandwidth, on: instance.id, isRepeatable: false) {
            try await driver.bandwidth(of: [instance])
        }
    }
}
