// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A place that configuration is read from; of several, the later wins.
public enum ConfigurationSource: Sendable, Hashable {
    /// A file (`--config-file`).
    case file(String)
    /// Every `*.conf` of a directory, in the order of their names (`--config-dir`).
    case directory(String)

    /// What oslo.config reads for nova-compute where no `--config-file` is given: the first `nova.conf` and the first
    /// `nova-compute.conf` of `~/.nova`, `~`, `/etc/nova` and `/etc`, and the directories `nova.conf.d` beside them.
    ///
    /// - Parameter home: the user's home directory; nil to leave it out.
    public static func standard(home: String?) -> [ConfigurationSource] {
        standard(home: home) { access($0, F_OK) == 0 }
    }

    static func standard(home: String?, isPresent: (String) -> Bool) -> [ConfigurationSource] {
        let folders = (home.map { ["\($0)/.nova", $0] } ?? []) + ["/etc/nova", "/etc"]
        let programs = ["nova", "nova-compute"]
        func first(_ suffix: String) -> [String] {
            programs.compactMap { program in folders.map { "\($0)/\(program)\(suffix)" }.first(where: isPresent) }
        }
        return first(".conf").map { .file($0) } + first(".conf.d").map { .directory($0) }
    }

    /// The files it stands for, in order.
    func files() throws(ConfigurationFault) -> [String] {
        switch self {
        case .file(let path): return [path]
        case .directory(let path):
            guard let directory = opendir(path) else { throw Self.unreadable(path, errno, flag: "--config-dir") }
            defer { closedir(directory) }
            var names: [String] = []
            while let entry = readdir(directory) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
                if name.hasSuffix(".conf"), !name.hasPrefix(".") { names.append(name) }
            }
            return names.sorted().map { "\(path)/\($0)" }
        }
    }

    /// The bytes of a file, at most 16 MiB.
    static func read(_ path: String) throws(ConfigurationFault) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(path, errno, flag: "--config-file") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(path, errno, flag: "--config-file") }
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= 16 << 20 else {
                throw ConfigurationFault(
                    key: nil, origin: .commandLine(flag: "--config-file \(path)"),
                    reason: "the file is larger than 16 MiB")
            }
        }
    }

    private static func unreadable(_ path: String, _ code: Int32, flag: String) -> ConfigurationFault {
        let text = strerror(code).map { String(cString: $0) } ?? "error \(code)"
        return ConfigurationFault(
            key: nil, origin: .commandLine(flag: "\(flag) \(path)"), reason: "it cannot be read: \(text)")
    }
}
