// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import FoundationEssentials
internal import Glibc

/// Which host a state directory belongs to, kept in it from the first start on.
///
/// A journal that is taken up under another name, or on another machine, describes guests that are not here: what it
/// would resume, compensate and report would be wrong for all of them.
struct HostIdentity: Sendable, Hashable {
    /// The name in queues, rows and events.
    let host: String
    /// The machine's own id; nil where it has none, or none that lasts.
    let machine: String?

    static let fileName = "host-identity"

    /// - Parameter machineFile: where the system keeps the machine's id.
    init(host: String, machineFile: String = "/etc/machine-id") {
        self.host = host
        let text = try? String(contentsOfFile: machineFile, encoding: .utf8)
        let id = text.map { $0.filter { !$0.isWhitespace } } ?? ""
        machine = id.count == 32 && id.allSatisfy(\.isHexDigit) ? id.lowercased() : nil
    }

    private init(host: String, machine: String?) {
        self.host = host
        self.machine = machine
    }

    /// Holds this identity against the one that the directory was used with last; nothing is changed.
    ///
    /// - Throws: ``HostIdentityError`` where the directory is another host's.
    func check(_ directory: String) throws(HostIdentityError) {
        let path = Self.path(in: directory)
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            guard access(path, F_OK) != 0, errno == ENOENT || errno == ENOTDIR else { throw .unreadable(path) }
            return
        }
        guard let known = Self(text: text) else { throw .unreadable(path) }
        guard known.host == host else { throw .otherHost(known: known.host, now: host, path: path) }
        guard let knownMachine = known.machine, let machine, knownMachine != machine else { return }
        throw .otherMachine(host: host, path: path)
    }

    /// Remembers this identity where the directory, which is ours by now, has none; the file is there whole or not at
    /// all, because one that is torn would refuse every later start.
    func remember(in directory: String) throws(HostIdentityError) {
        let path = Self.path(in: directory)
        if access(path, F_OK) == 0 { return }
        let text = JSONWriter.text(["host": .string(host), "machine_id": JSONValue(machine)]) + "\n"
        let draft = path + ".new"
        let file = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw .unwritable(path, errno) }
        let bytes = Array(text.utf8)
        let isWritten = write(file, bytes, bytes.count) == bytes.count && fsync(file) == 0
        let number = errno
        close(file)
        guard isWritten, rename(draft, path) == 0 else {
            let number = isWritten ? errno : number
            unlink(draft)
            throw .unwritable(path, number)
        }
    }

    private static func path(in directory: String) -> String { directory + "/" + fileName }

    private init?(text: String) {
        guard let fields = (try? JSONParser.parse(Array(text.utf8)))?.object, let host = fields["host"]?.string
        else { return nil }
        self.init(host: host, machine: fields["machine_id"]?.string)
    }
}

/// Why a state directory is not this host's.
enum HostIdentityError: Error, Sendable, Hashable, CustomStringConvertible {
    case otherHost(known: String, now: String, path: String)
    case otherMachine(host: String, path: String)
    case unreadable(String)
    case unwritable(String, Int32)

    var description: String {
        switch self {
        case .otherHost(let known, let now, let path):
            "the state directory belongs to the host '\(known)', and this worker is to be '\(now)': its guests and "
                + "unfinished requests are the other's, and nothing was touched. Set [DEFAULT] host = \(known) again, "
                + "give this worker a state_path of its own, or remove \(path) if the host was renamed on purpose"
        case .otherMachine(let host, let path):
            "the state directory of '\(host)' was used on another machine: its guests are not here, and nothing was "
                + "touched. Give this machine a state_path of its own, or remove \(path) if the machine was replaced "
                + "together with its guests"
        case .unreadable(let path): "\(path) can't be read as a host's identity; restore it or remove it"
        case .unwritable(let path, let number): "\(path) can't be written: \(String(cString: strerror(number)))"
        }
    }
}
