// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// Has the driver remove images that nobody needs any more. Nova: `_run_image_cache_manager_pass`.
struct ImageCachePass: PeriodicTask {
    let surroundings: PeriodicSurroundings

    var name: String { "run_image_cache_manager_pass" }
    var option: String { "image_cache_manager_interval" }
    var interval: Duration? { surroundings.configuration.imageCacheInterval }
    var limit: Duration { .seconds(1800) }
    var obstacle: String? {
        surroundings.services.driver.driver is any ImageCachingDriver
            ? nil : surroundings.obstacle(to: .manageImageCache)
    }

    func run() async throws -> PeriodicResult {
        // Every row's, those under way to another host included: what might be needed stays.
        let rows = try await surroundings.services.read { try $0.instances() }
        let report = try await surroundings.services.driver.manageImageCache(inUse: rows.map(\.instance))
        return PeriodicResult(
            report.removed, "\(report.kept) kept, \(report.removed) removed, \(report.freed.mib) MiB freed")
    }
}
