// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeManager
internal import Configuration

/// How much is done at once, and what of a request may be left out.
public struct ManagerOptions: Sendable, Equatable {
    /// `[DEFAULT] executor_thread_pool_size`: instances that are worked on at once.
    public var laneSlots: Int
    /// `[DEFAULT] max_concurrent_builds`, never more than `laneSlots`.
    public var buildSlots: Int
    /// `[DEFAULT] allow_resize_to_same_host`.
    public var allowsResizeToSameHost: Bool
    /// `[DEFAULT] resume_guests_state_on_host_boot`.
    public var resumesGuestsOnHostBoot: Bool
    /// `[compute_worker] call_slots`: read-only calls that are answered at once.
    public var callSlots: Int
    /// `[compute_worker] lanes_closed`: casts are journaled and acknowledged, and nothing more.
    public var lanesClosed: Bool
    /// `[compute_worker] maximum_age`.
    public var ageLimits: AgeLimits
    /// `[compute_worker] done_work_retention`.
    public var doneWorkRetention: Duration
    /// `[compute_worker] done_work_rows`.
    public var doneWorkRows: Int
    /// `[compute_worker] delete_retry_time`.
    public var deleteRetryTime: Duration
    /// `[DEFAULT] graceful_shutdown_timeout`; nil for ever.
    public var gracefulShutdownTimeout: Duration?
    /// `[compute_worker] ignore_unsupported_arguments`.
    public var ignoredArguments: Set<SpawnArgument>
    /// `[vnc]` and `console_host`.
    public var consoles: ConsoleConfiguration

    init(config: ConfigReader) throws {
        laneSlots = try config.requiredInt(forKey: "executor_thread_pool_size")
        let builds = try config.requiredInt(forKey: "max_concurrent_builds")
        buildSlots = builds == 0 ? laneSlots : min(builds, laneSlots)
        let seconds = try config.requiredInt(forKey: "graceful_shutdown_timeout")
        gracefulShutdownTimeout = seconds == 0 ? nil : .seconds(seconds)
        let screens = config.scoped(to: "vnc")
        consoles = ConsoleConfiguration(
            noVNCProxyURL: try screens.requiredString(forKey: "novncproxy_base_url"),
            xvpVNCProxyURL: try screens.requiredString(forKey: "xvpvncproxy_base_url"),
            consoleHost: try config.requiredString(forKey: "console_host"))
        allowsResizeToSameHost = try config.requiredBool(forKey: "allow_resize_to_same_host")
        resumesGuestsOnHostBoot = try config.requiredBool(forKey: "resume_guests_state_on_host_boot")
        let worker = config.scoped(to: "compute_worker")
        callSlots = try worker.requiredInt(forKey: "call_slots")
        lanesClosed = try worker.requiredBool(forKey: "lanes_closed")
        ageLimits = AgeLimits(try worker.requiredStringArray(forKey: "maximum_age")) ?? AgeLimits()
        doneWorkRetention = .seconds(try worker.requiredInt(forKey: "done_work_retention"))
        doneWorkRows = try worker.requiredInt(forKey: "done_work_rows")
        deleteRetryTime = .seconds(try worker.requiredInt(forKey: "delete_retry_time"))
        ignoredArguments = Set(
            try worker.requiredStringArray(forKey: "ignore_unsupported_arguments", as: SpawnArgument.self))
    }
}
