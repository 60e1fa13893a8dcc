// SPDX-License-Identifier: Apache-2.0

internal import CLibvirt

/// What of a domain a change of its devices is about.
public struct DeviceScope: OptionSet, Sendable, Hashable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The guest as it runs.
    public static let live = DeviceScope(rawValue: VIR_DOMAIN_AFFECT_LIVE.rawValue)
    /// The guest as it will be started the next time.
    public static let configuration = DeviceScope(rawValue: VIR_DOMAIN_AFFECT_CONFIG.rawValue)
}

extension Domain {
    /// Plugs a device in (`virDomainAttachDeviceFlags`).
    public func attachDevice(_ xml: String, _ scope: DeviceScope) async throws(LibvirtError) {
        try await call("virDomainAttachDeviceFlags", on: .long) {
            done(virDomainAttachDeviceFlags($0, xml, scope.rawValue))
        }
    }

    /// Unplugs a device (`virDomainDetachDeviceFlags`); a running guest is asked, and may let go of it later.
    public func detachDevice(_ xml: String, _ scope: DeviceScope) async throws(LibvirtError) {
        try await call("virDomainDetachDeviceFlags", on: .long) {
            done(virDomainDetachDeviceFlags($0, xml, scope.rawValue))
        }
    }

    /// Tells a running guest the size in bytes of one of its disks (`virDomainBlockResize`).
    public func resizeBlock(_ disk: String, bytes: UInt64) async throws(LibvirtError) {
        let flags = VIR_DOMAIN_BLOCK_RESIZE_BYTES.rawValue
        try await call("virDomainBlockResize") { done(virDomainBlockResize($0, disk, bytes, flags)) }
    }

    /// Begins to copy a disk of a running guest, backing files included, into what a `<disk>` element describes, which
    /// is there already (`virDomainBlockCopy`). What the guest writes meanwhile is copied too, until the job ends.
    public func copyBlock(_ disk: String, to xml: String) async throws(LibvirtError) {
        let flags = VIR_DOMAIN_BLOCK_COPY_REUSE_EXT.rawValue | VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB.rawValue
        try await call("virDomainBlockCopy", on: .long) { done(virDomainBlockCopy($0, disk, xml, nil, 0, flags)) }
    }

    /// The job on a disk; nil for none (`virDomainGetBlockJobInfo`).
    public func blockJob(_ disk: String) async throws(LibvirtError) -> BlockJob? {
        let found = try await call("virDomainGetBlockJobInfo", isQuestion: true) { domain -> BlockJob?? in
            var info = virDomainBlockJobInfo()
            switch virDomainGetBlockJobInfo(domain, disk, &info, 0) {
            case 0: return .some(nil)
            case 1: return .some(BlockJob(done: info.cur, total: info.end))
            default: return nil
            }
        }
        return found
    }

    /// Ends the job on a disk (`virDomainBlockJobAbort`).
    ///
    /// - Parameter pivot: Lets the guest go on with the copy; else it stays with what it has, and a copy that had
    ///   caught up is what the disk held at this moment.
    public func endBlockJob(_ disk: String, pivot: Bool = false) async throws(LibvirtError) {
        let flags = pivot ? VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT.rawValue : 0
        try await call("virDomainBlockJobAbort", on: .long) { done(virDomainBlockJobAbort($0, disk, flags)) }
    }

    /// Sends the guest a non-maskable interrupt (`virDomainInjectNMI`).
    public func injectNMI() async throws(LibvirtError) {
        try await call("virDomainInjectNMI") { done(virDomainInjectNMI($0, 0)) }
    }
}

/// A job on a disk, in bytes or in libvirt's own units.
public struct BlockJob: Sendable, Hashable {
    public let done: UInt64
    public let total: UInt64

    /// Whether all has been copied; a job that has just begun has copied nothing of nothing.
    public var hasCaughtUp: Bool { total > 0 && done == total }
}
