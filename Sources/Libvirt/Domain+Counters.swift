// SPDX-License-Identifier: Apache-2.0

internal import CLibvirt

extension Domain {
    /// What the guest has used since its start, of the devices named; what the hypervisor does not tell is left out
    /// (`virDomainGetVcpus`, `virDomainBlockStats`, `virDomainInterfaceStats`, `virDomainMemoryStats`).
    public func counters(disks: [String], interfaces: [String]) async throws(LibvirtError) -> DomainCounters {
        try await call("virDomainGetInfo", isQuestion: true) { domain in
            var info = virDomainInfo()
            guard virDomainGetInfo(domain, &info) == 0 else { return nil }
            return DomainCounters(
                maximumMemoryKiB: UInt64(info.maxMem), cpuTimes: Self.cpuTimes(domain, count: Int(info.nrVirtCpu)),
                disks: disks.compactMap { Self.disk(domain, $0) },
                interfaces: interfaces.compactMap { Self.interface(domain, $0) }, memory: Self.memory(domain))
        }
    }

    private static func cpuTimes(_ domain: OpaquePointer, count: Int) -> [UInt64] {
        var processors = [virVcpuInfo](repeating: virVcpuInfo(), count: count)
        let told = virDomainGetVcpus(domain, &processors, Int32(clamping: count), nil, 0)
        guard told > 0 else { return [] }
        return processors.prefix(Int(told)).map(\.cpuTime)
    }

    private static func disk(_ domain: OpaquePointer, _ name: String) -> DomainCounters.Disk? {
        var figures = virDomainBlockStatsStruct()
        guard virDomainBlockStats(domain, name, &figures, MemoryLayout<virDomainBlockStatsStruct>.size) == 0 else {
            return nil
        }
        return DomainCounters.Disk(
            device: name, readRequests: figures.rd_req, readBytes: figures.rd_bytes, writeRequests: figures.wr_req,
            writtenBytes: figures.wr_bytes, errors: figures.errs)
    }

    private static func interface(_ domain: OpaquePointer, _ name: String) -> DomainCounters.Interface? {
        var figures = virDomainInterfaceStatsStruct()
        let size = MemoryLayout<virDomainInterfaceStatsStruct>.size
        guard virDomainInterfaceStats(domain, name, &figures, size) == 0 else { return nil }
        return DomainCounters.Interface(
            device: name, receivedBytes: figures.rx_bytes, receivedPackets: figures.rx_packets,
            receiveErrors: figures.rx_errs, receiveDrops: figures.rx_drop, sentBytes: figures.tx_bytes,
            sentPackets: figures.tx_packets, sendErrors: figures.tx_errs, sendDrops: figures.tx_drop)
    }

    private static func memory(_ domain: OpaquePointer) -> [DomainCounters.MemoryFigure] {
        let names = [
            "swap_in", "swap_out", "major_fault", "minor_fault", "unused", "available", "actual", "rss", "usable",
            "last_update", "disk_caches", "hugetlb_pgalloc", "hugetlb_pgfail",
        ]
        var figures = [virDomainMemoryStatStruct](repeating: virDomainMemoryStatStruct(), count: names.count)
        let told = virDomainMemoryStats(domain, &figures, UInt32(figures.count), 0)
        guard told > 0 else { return [] }
        return figures.prefix(Int(told)).compactMap { figure in
            let tag = Int(figure.tag)
            return names.indices.contains(tag) ? .init(name: names[tag], value: figure.val) : nil
        }
    }
}

/// What a guest has used since its start.
public struct DomainCounters: Sendable, Hashable {
    /// One disk; -1 where the hypervisor does not count.
    public struct Disk: Sendable, Hashable {
        public let device: String
        public let readRequests: Int64
        public let readBytes: Int64
        public let writeRequests: Int64
        public let writtenBytes: Int64
        public let errors: Int64
    }

    /// One interface; -1 where the hypervisor does not count.
    public struct Interface: Sendable, Hashable {
        public let device: String
        public let receivedBytes: Int64
        public let receivedPackets: Int64
        public let receiveErrors: Int64
        public let receiveDrops: Int64
        public let sentBytes: Int64
        public let sentPackets: Int64
        public let sendErrors: Int64
        public let sendDrops: Int64
    }

    /// One of the balloon's figures, under libvirt's name (`rss`).
    public struct MemoryFigure: Sendable, Hashable {
        public let name: String
        public let value: UInt64
    }

    public let maximumMemoryKiB: UInt64
    /// In nanoseconds, one for each virtual processor; none for a guest that is off.
    public let cpuTimes: [UInt64]
    public let disks: [Disk]
    public let interfaces: [Interface]
    public let memory: [MemoryFigure]
}
