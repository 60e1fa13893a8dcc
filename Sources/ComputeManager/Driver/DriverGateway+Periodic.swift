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

    func bandwidth(of instances: [Instance]) async throws -> [InterfaceUsage] {
        guard let driver = driver as? any BandwidthReportingDriver else { throw driver.unsupported(.bandwidth) }
        return try await call(.bandwidth, isRepeatable: false) { try await driver.bandwidth(of: instances) }
    }
}
