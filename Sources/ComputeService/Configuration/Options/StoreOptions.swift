// SPDX-License-Identifier: Apache-2.0

internal import Configuration

/// Where the worker keeps its state, and how much of it may be unfinished.
public struct StoreOptions: Sendable, Equatable {
    /// `[DEFAULT] state_path`.
    public var statePath: String
    /// The store's own directory.
    var journalDirectory: String { "\(statePath)/journal" }
    /// `[DEFAULT] instances_path`.
    public var instancesPath: String
    /// `[compute_worker] intake_high_water`: unfinished casts at which consuming stops.
    public var intakeHighWater: Int
    /// `[compute_worker] intake_low_water`: unfinished casts at which consuming goes on; below the high mark.
    public var intakeLowWater: Int
    /// `[compute_worker] intake_buffer_bytes`: message bytes that may be taken and not acknowledged.
    public var intakeBufferBytes: Int

    init(config: ConfigReader) throws {
        statePath = try config.requiredString(forKey: "state_path")
        instancesPath = try config.requiredString(forKey: "instances_path")
        let worker = config.scoped(to: "compute_worker")
        intakeHighWater = try worker.requiredInt(forKey: "intake_high_water")
        intakeLowWater = try worker.requiredInt(forKey: "intake_low_water")
        intakeBufferBytes = try worker.requiredInt(forKey: "intake_buffer_bytes")
    }
}
