// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import FoundationEssentials

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The directory of one instance's files; every method belongs on the file lane.
///
/// It is named by the instance's uuid, never by a name that somebody chose.
struct InstanceDirectory: Sendable {
    /// The largest answer to a question for console output, in bytes, as nova has it.
    static let consoleLimit = 102_400

    let instance: InstanceID
    let path: String

    init(_ instance: InstanceID, in instancesPath: String) {
        self.init(
            instance,
            at: (instancesPath.hasSuffix("/") ? String(instancesPath.dropLast()) : instancesPath) + "/\(instance)")
    }

    init(_ instance: InstanceID, at path: String) {
        self.instance = instance
        self.path = path
    }

    /// Whether others than the worker may pass through.
    var isEntered: Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & 0o001 != 0
    }

    var disk: String { path + "/disk" }
    var consoleLog: String { path + "/console.log" }

    var exists: Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    /// Makes the directory anew, with an empty console log in it.
    ///
    /// The log is ours from the start, so that it stays readable for us whoever writes it.
    ///
    /// - Parameter isEntered: Whether QEMU runs as a user of its own, who must be able to pass through the directory to
    ///   the disk. It can list nothing: the files in it are 0600.
    func make(isEntered: Bool) throws(ComputeFault) {
        if exists { try remove() }
        let parent = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "/"
        if mkdir(parent, 0o755) != 0, errno != EEXIST { throw failure("can't make the directory of the instances") }
        guard mkdir(path, 0o700) == 0 else { throw failure("can't make the instance's directory") }
        guard chmod(path, isEntered ? 0o711 : 0o700) == 0 else { throw failure("can't set the directory's mode") }
        let log = open(consoleLog, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard log >= 0 else { throw failure("can't make the console log") }
        close(log)
    }

    /// What the disks of all instances may still grow by, in bytes.
    static func promisedBytes(in instancesPath: String) -> Int64 {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: instancesPath)) ?? []
        return names.reduce(0) { sum, name in
            guard InstanceID(name) != nil else { return sum }
            let directory = "\(instancesPath)/\(name)"
            let files = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
            return files.filter { $0 == "disk" || $0.hasPrefix("disk.") }.reduce(sum) { sum, file in
                let path = "\(directory)/\(file)"
                let header = DiskHeader(path: path, format: .qcow2) ?? DiskHeader(path: path, format: .raw)
                return sum + max(0, (header?.virtualSize ?? 0) - (header?.allocated ?? 0))
            }
        }
    }

    /// Removes the directory with all that is in it; success if there is none.
    func remove() throws(ComputeFault) {
        do {
            // Removes symbolic links as such and follows none.
            try FileManager.default.removeItem(atPath: path)
        } catch {
            // One that can't be looked at is not one that is gone.
            var status = stat()
            guard lstat(path, &status) != 0, errno == ENOENT else {
                throw failure("can't remove the instance's directory")
            }
        }
    }

    /// The last bytes of the console log.
    ///
    /// virtlogd begins a new file at 2 MiB; where that one is short, the rest is taken from the one before.
    func consoleTail() throws(ComputeFault) -> [UInt8] {
        let newest = try tail(of: consoleLog, limit: Self.consoleLimit)
        guard newest.count < Self.consoleLimit else { return newest }
        return try tail(of: consoleLog + ".0", limit: Self.consoleLimit - newest.count) + newest
    }

    private func tail(of path: String, limit: Int) throws(ComputeFault) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return [] }
            throw failure("can't read a file of the instance's")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw failure("can't read what is no file")
        }
        var position = max(0, Int(status.st_size) - limit)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while bytes.count < limit {
            let wanted = min(buffer.count, limit - bytes.count)
            let count = buffer.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, wanted, off_t(position)) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("can't read a file of the instance's") }
            if count == 0 { break }
            bytes += buffer[..<count]
            position += count
        }
        return bytes
    }

    /// Whether files here can be opened past the page cache, which some file systems refuse; asked with a file of its own.
    func supportsDirectIO() -> Bool {
        let probe = path + "/.directio"
        let descriptor = open(probe, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | DirectIO.flag, 0o600)
        if descriptor >= 0 { close(descriptor) }
        unlink(probe)
        return descriptor >= 0
    }

    /// Writes a small file of the worker's own; it is there whole or not at all.
    func write(_ text: String, to file: String) throws(ComputeFault) {
        let partial = file + ".partial"
        unlink(partial)
        let descriptor = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("can't write a file of the instance's") }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            rest = rest.dropFirst(count)
        }
        let isWhole = rest.isEmpty && fsync(descriptor) == 0
        guard isWhole, close(descriptor) == 0, rename(partial, file) == 0 else {
            let fault = failure("can't write a file of the instance's")
            unlink(partial)
            throw fault
        }
    }

    /// Reads a small file of the worker's own; nil where there is none.
    func read(_ file: String) throws(ComputeFault) -> String? {
        let bytes = try tail(of: file, limit: 1 << 20)
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }

    /// Removes one file; success if there is none.
    func remove(_ file: String) throws(ComputeFault) {
        guard unlink(file) == 0 || errno == ENOENT else { throw failure("can't remove a file of the instance's") }
    }

    func failure(_ what: String) -> ComputeFault {
        let number = errno
        if number == ENOSPC || number == EDQUOT { return .instancesDirectoryFull(instance) }
        let why = String(cString: strerror(number))
        return ComputeFault(
            .hypervisorFailure, "The worker \(what): \(why).", instance: instance, isRetriable: true)
    }
}

extension ComputeFault {
    /// There is no room for an instance's files: nova's exception for what a host has no resources for, so that the
    /// build goes elsewhere.
    static func instancesDirectoryFull(_ instance: InstanceID) -> ComputeFault {
        let reason = "the directory of the instances has no space left"
        return ComputeFault(
            .computeResourcesUnavailable, "The host can't take the instance: \(reason).", instance: instance,
            arguments: ["reason": .string(reason)])
    }
}
