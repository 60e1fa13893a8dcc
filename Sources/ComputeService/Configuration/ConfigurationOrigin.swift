// SPDX-License-Identifier: Apache-2.0

/// Where a value of the configuration came from.
public enum ConfigurationOrigin: Sendable, Hashable {
    /// The option's own default.
    case byDefault
    /// A line of a file; for a value of several lines, its first.
    case file(path: String, line: Int)
    /// An environment variable.
    case environment(variable: String)
    /// A flag of the command line.
    case commandLine(flag: String)
}

extension ConfigurationOrigin: CustomStringConvertible {
    public var description: String {
        switch self {
        case .byDefault: "default"
        case .file(let path, let line): "\(path):\(line)"
        case .environment(let variable): "environment \(variable)"
        case .commandLine(let flag): "command line \(flag)"
        }
    }
}
