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

    /// A qcow2 disk with a small Linux in it that obeys its power button, lets go of devices, and has an agent; boots
    /// in some ten seconds. Made once, which takes about twenty.
    public static func linuxImage() async throws -> URL {
        let image = projectDirectory.appending(path: ".build/guest/linux.qcow2")
        _ = try await execute(projectDirectory.appending(path: "scripts/make-guest.sh").path, [image.path])
        return image
    }

    /// The last that the Linux guest says when it boots.
    public static let linuxIsReady = "compute-worker-guest: ready"
}
