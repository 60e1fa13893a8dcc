// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// What the kernel of this host tells; every method reads files and belongs on the file lane.
enum HostFigures {
    /// What the host shows of kvm.
    static func virtualization() -> HostVirtualization {
        let device: HostVirtualization.Device
        let descriptor = open("/dev/kvm", O_RDWR | O_CLOEXEC)
        if descriptor >= 0 {
            close(descriptor)
            device = .opens
        } else if errno == ENOENT {
            device = .missing
        } else {
            device = .refuses(String(cString: strerror(errno)))
        }
        let flags = (text(of: "/proc/cpuinfo") ?? "").split(separator: "\n").first { $0.hasPrefix("flags") } ?? ""
        let words = Set(flags.split(whereSeparator: { $0 == " " || $0 == "\t" }))
        #if arch(x86_64) || arch(i386)
            let namesFlags = true
        #else
            let namesFlags = false
        #endif
        return HostVirtualization(
            device: device, processorFlag: words.contains("vmx") ? "vmx" : words.contains("svm") ? "svm" : nil,
            namesProcessorFlags: namesFlags)
    }

    /// Memory in all and in use, as nova counts: what is free, buffered or cached is not in use.
    static func memory() -> (total: ByteCount, used: ByteCount)? {
        var kibibytes: [Substring: Int64] = [:]
        for line in (text(of: "/proc/meminfo") ?? "").split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == " " || $0 == ":" })
            if words.count >= 2, let value = Int64(words[1]) { kibibytes[words[0]] = value }
        }
        guard let total = kibibytes["MemTotal"], let free = kibibytes["MemFree"] else { return nil }
        let available = free + (kibibytes["Buffers"] ?? 0) + (kibibytes["Cached"] ?? 0)
        return (.kib(total), .kib(max(0, total - available)))
    }

    /// The file system that holds a path, in all and in use.
    static func disk(of path: String) -> (total: ByteCount, used: ByteCount)? {
        guard let figures = fileSystem(of: path) else { return nil }
        let block = UInt64(figures.f_frsize)
        let total = UInt64(figures.f_blocks) * block
        let used = (UInt64(figures.f_blocks) - UInt64(figures.f_bfree)) * block
        return (ByteCount(bytes: Int64(clamping: total)), ByteCount(bytes: Int64(clamping: used)))
    }

    /// What no other machine has, nor this one after its next start.
    static func bootIdentity() -> String? {
        text(of: "/proc/sys/kernel/random/boot_id").map { String($0.prefix { $0 != "\n" }) }
    }

    /// The host's iSCSI name; nil where it has none.
    static func initiatorName() -> String? {
        let line = (text(of: "/etc/iscsi/initiatorname.iscsi") ?? "").split(separator: "\n")
            .first { $0.hasPrefix("InitiatorName=") }
        return line.map { String($0.dropFirst("InitiatorName=".count)) }
    }

    /// The bytes that may still be written to the file system that holds a path.
    static func freeBytes(of path: String) -> Int64? {
        fileSystem(of: path).map { Int64(clamping: UInt64($0.f_bavail) * UInt64($0.f_frsize)) }
    }

    /// The file system that holds a path, or will hold it once it is made.
    private static func fileSystem(of path: String) -> statvfs? {
        var figures = statvfs()
        var place = path[...]
        while statvfs(String(place), &figures) != 0 {
            guard errno == ENOENT, let slash = place.lastIndex(of: "/"), slash > place.startIndex else { return nil }
            place = place[..<slash]
        }
        return figures
    }

    /// The line that `uptime` prints, made of what the kernel tells, for a host without that program.
    static func uptimeLine() -> String {
        let seconds = (text(of: "/proc/uptime") ?? "").split(separator: " ").first.flatMap { Double($0) } ?? 0
        let loads = (text(of: "/proc/loadavg") ?? "").split(separator: " ").prefix(3).joined(separator: ", ")
        var now = time(nil)
        var local = tm()
        localtime_r(&now, &local)
        return uptimeLine(
            clock: (Int(local.tm_hour), Int(local.tm_min), Int(local.tm_sec)), upSeconds: Int(seconds), loads: loads)
    }

    static func uptimeLine(clock: (hour: Int, minute: Int, second: Int), upSeconds: Int, loads: String) -> String {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let minutes = upSeconds / 60
        let (days, hours, rest) = (minutes / 1440, minutes / 60 % 24, minutes % 60)
        let long = days == 0 ? "" : days == 1 ? "1 day, " : "\(days) days, "
        let short = hours == 0 ? "\(rest) min" : "\(hours < 10 ? " " : "")\(hours):\(two(rest))"
        return " \(two(clock.hour)):\(two(clock.minute)):\(two(clock.second)) up \(long)\(short),  0 users,"
            + "  load average: \(loads)\n"
    }

    private static func text(of path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while bytes.count < 1 << 20 {
            let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
