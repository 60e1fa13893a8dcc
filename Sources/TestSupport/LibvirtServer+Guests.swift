// SPDX-License-Identifier: Apache-2.0

public import Foundation

extension LibvirtServer {
    /// A raw disk in the server's directory whose boot sector is the whole guest: it writes «boot-sector-guest: alive»
    /// to its serial console each second, boots in less than that, and ignores the power button.
    public func bootSectorImage() async throws -> URL {
        let image = directory.appending(path: "boot-sector.img")
        if !FileManager.default.fileExists(atPath: image.path) {
            let script = Self.projectDirectory.appending(path: "scripts/make-bootsector-guest.py").path
            _ = try await Self.execute("/usr/bin/env", ["python3", script, image.path])
        }
        return image
    }

    /// What a boot-sector guest says.
    public static let bootSectorWords = "boot-sector-guest: alive"
}
