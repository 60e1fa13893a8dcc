// SPDX-License-Identifier: Apache-2.0

internal import Configuration

/// Where images are, and what events call them.
public struct ImageOptions: Sendable, Equatable {
    /// `[compute_worker] image_directory`.
    public var directory: String
    /// What the `image_ref_url` of an event begins with: `http://host:9292`.
    public var glanceURL: String

    init(config: ConfigReader) throws {
        directory = try config.requiredString(forKey: ["compute_worker", "image_directory"])
        let host = try config.requiredString(forKey: "glance_host")
        let port = try config.requiredInt(forKey: "glance_port")
        let own = "\(host.contains(":") ? "[\(host)]" : host):\(port)"
        var server = config.stringArray(forKey: ["glance", "api_servers"], default: []).first ?? own
        if !server.hasPrefix("http://"), !server.hasPrefix("https://") { server = "http://" + server }
        while server.hasSuffix("/") { server.removeLast() }
        glanceURL = server
    }
}
