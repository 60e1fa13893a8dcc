// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// The name of a guest's block device in its two parts, and nova's rule for the next one.
struct DeviceName: Sendable, Hashable {
    /// `/dev/vd`.
    let prefix: String
    /// `b`, `aa`; empty where a name gives the prefix alone.
    let letters: String

    /// The parts of a name such as `/dev/vdb`, `vdb` or `/dev/vd`; a partition's number is no part of it.
    ///
    /// - Throws: ``ComputeFault`` of kind `invalidDevicePath`.
    init(_ path: String, instance: InstanceID) throws(ComputeFault) {
        let name = path.hasPrefix("/dev/") ? String(path.dropFirst(5)) : path
        let letters = name.prefix { $0.isASCII && $0.isLowercase }
        let rest = name.dropFirst(letters.count)
        let kind = Self.kinds.first { letters.hasPrefix($0) }
        guard let kind, rest.allSatisfy({ $0.isASCII && $0.isNumber }), letters.count - kind.count <= 2 else {
            throw ComputeFault(
                .invalidDevicePath, "The supplied device path (\(path.prefix(64))) is invalid.", instance: instance,
                arguments: ["path": .string(String(path.prefix(64)))])
        }
        prefix = "/dev/\(kind)"
        self.letters = String(letters.dropFirst(kind.count))
    }

    private static let kinds = ["xvd", "vd", "sd", "hd", "ubd"]

    /// Every name that has one of these letters: two disks of a guest differ in their letters, not in their bus alone.
    static func paths(of letters: Set<String>) -> Set<String> {
        Set(kinds.flatMap { kind in letters.map { "/dev/\(kind)\($0)" } })
    }

    static func isInUse(_ path: String, instance: InstanceID) -> ComputeFault {
        ComputeFault(
            .devicePathInUse, "The supplied device path (\(path)) is in use.", instance: instance,
            arguments: ["path": .string(path)])
    }

    /// All letters in the order in which devices get them: a to z, then aa to zz.
    static let order: [String] = {
        let singles = (UInt8(ascii: "a")...UInt8(ascii: "z")).map { String(UnicodeScalar($0)) }
        return singles + singles.flatMap { first in singles.map { first + $0 } }
    }()

    /// The name that a device gets: the asked one, or the first that is free, always with the root device's prefix.
    ///
    /// - Parameters:
    ///   - root: the root device's name; nil where nobody has named it, and it is the first.
    ///   - taken: the letters that are another device's.
    /// - Throws: ``ComputeFault`` of kind `devicePathInUse` or `invalidDevicePath`.
    static func next(
        asked: String?, root: String?, taken: Set<String>, instance: InstanceID
    ) throws(ComputeFault) -> String {
        let root = try DeviceName(root ?? "/dev/vda", instance: instance)
        let wanted: String?
        if let asked, !asked.isEmpty {
            wanted = try DeviceName(asked, instance: instance).letters
        } else {
            wanted = nil
        }
        let used = taken.union([root.letters])
        guard let letters = wanted.flatMap({ $0.isEmpty ? nil : $0 }) ?? order.first(where: { !used.contains($0) })
        else {
            throw ComputeFault(
                .invalidDevicePath, "The instance has no device name left.", instance: instance,
                arguments: ["path": .string(asked ?? "")])
        }
        let path = root.prefix + letters
        guard !used.contains(letters) else { throw isInUse(path, instance: instance) }
        return path
    }
}
