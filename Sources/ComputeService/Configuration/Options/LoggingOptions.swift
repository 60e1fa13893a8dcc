// SPDX-License-Identifier: Apache-2.0

internal import Configuration

/// What is logged and told, and where to.
public struct LoggingOptions: Sendable, Equatable {
    /// `[DEFAULT] debug`.
    public var isDebug: Bool
    /// `[DEFAULT] use_json`.
    public var isJSON: Bool
    /// `[DEFAULT] log_file` in `log_dir`; nil: standard error.
    public var file: String?
    /// `[compute_worker] counters_file`; nil: none.
    public var countersFile: String?
    /// `[compute_worker] counters_interval`.
    public var countersInterval: Duration

    init(config: ConfigReader) throws {
        isDebug = try config.requiredBool(forKey: "debug")
        isJSON = try config.requiredBool(forKey: "use_json")
        let directory = config.string(forKey: "log_dir")
        let name = config.string(forKey: "log_file")
        file =
            switch (directory, name) {
            case (nil, nil): nil
            case (nil, let name?): name
            case (let directory?, let name?): name.hasPrefix("/") ? name : "\(directory)/\(name)"
            case (let directory?, nil): "\(directory)/compute-worker.log"
            }
        let worker = config.scoped(to: "compute_worker")
        countersFile = worker.string(forKey: "counters_file")
        countersInterval = .seconds(try worker.requiredInt(forKey: "counters_interval"))
    }
}
