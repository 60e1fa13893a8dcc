// SPDX-License-Identifier: Apache-2.0

public import ComputeManager
internal import Configuration

/// Where images are, and what events call them.
public struct ImageOptions: Sendable, Equatable {
    /// `[compute_worker] image_directory`.
    public var directory: String
    /// What the `image_ref_url` of an event begins with: `http://host:9292`.
    public var glanceURL: String
    /// `rescue_image_id`, `rescue_kernel_id` and `rescue_ramdisk_id`.
    public var rescue: RescueImages

    init(config: ConfigReader) throws {
        directory = try config.requiredString(forKey: ["compute_worker", "image_directory"])
        let host = try config.requiredString(forKey: "glance_host")
        let port = try config.requiredInt(forKey: "glance_port")
        let own = "\(host.contains(":") ? "[\(host)]" : host):\(port)"
        var server = config.stringArray(forKey: ["glance", "api_servers"], default: []).first ?? own
        if !server.hasPrefix("http://"), !server.hasPrefix("https://") { server = "http://" + server }
        while server.hasSuffix("/") { server.removeLast() }
        glanceURL = server
        rescue = RescueImages(
            imageID: Self.id(config, "rescue_image_id"), kernelID: Self.id(config, "rescue_kernel_id"),
            ramdiskID: Self.id(config, "rescue_ramdisk_id"))
    }

    private static func id(_ config: ConfigReader, _ key: String) -> String? {
        config.string(forKey: ["libvirt", key]).flatMap { $0.isEmpty ? nil : $0 }
    }
}
