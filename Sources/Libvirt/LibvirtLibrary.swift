// SPDX-License-Identifier: Apache-2.0

internal import CLibvirt
internal import Glibc

/// libvirt's state of the whole process.
enum LibvirtLibrary {
    /// Made once, before the first connection: errors are returned and not printed, and one thread runs libvirt's event
    /// loop, without which there are no events and no keepalive.
    ///
    /// "virEventRegisterDefaultImpl … must be called before connecting to a hypervisor."
    static let ready: Bool = {
        // libvirt's event loop writes to its sockets without guarding against a daemon that has just gone; the write's
        // error says so, and the signal would end the process.
        signal(SIGPIPE, SIG_IGN)
        clibvirt_silence()
        guard virInitialize() == 0, virEventRegisterDefaultImpl() == 0 else { return false }
        return NamedThread.start("libvirt-events") {
            // Each round waits in poll for what a connection or a timer has; a failed one is tried again, because
            // without it every connection of the process would be deaf.
            while true { _ = virEventRunDefaultImpl() }
        }
    }()

    /// The version of the library that this process runs with, as major × 1 000 000 + minor × 1000 + release.
    static var version: UInt {
        var version: UInt = 0
        return virGetVersion(&version, nil, nil) == 0 ? version : 0
    }
}

/// Copies a string that libvirt allocated, and frees it.
func takeString(_ text: UnsafeMutablePointer<CChar>?) -> String? {
    guard let text else { return nil }
    defer { free(text) }
    return String(cString: text)
}
