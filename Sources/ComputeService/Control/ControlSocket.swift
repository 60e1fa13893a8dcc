// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The Unix socket by which the commands of the program speak to a running worker.
enum ControlSocket {
    /// Bytes of the longest path that such a socket's address holds.
    static let longestPath = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    static func path(inStateDirectory directory: String) -> String { "\(directory)/control.sock" }

    /// A socket at that path that listens, open to this user alone.
    ///
    /// What another process left there is replaced: the caller holds the lock of the state directory.
    static func listen(at path: String) throws(ControlFault) -> Int32 {
        let address = try address(of: path)
        var status = stat()
        if lstat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFSOCK else {
                throw ControlFault(.notAccessible, "\(path) is no socket; remove it, and start the worker again")
            }
            unlink(path)
        }
        let socket = try make()
        // A socket's mode before it is bound is the mode of its file, so that it is never open to others.
        guard fchmod(socket, 0o600) == 0, call(bind, socket, address) == 0, chmod(path, 0o600) == 0,
            Glibc.listen(socket, 16) == 0
        else {
            let reason = reason
            close(socket)
            throw ControlFault(.notAccessible, "the control socket \(path) can't be made: \(reason)")
        }
        return socket
    }

    /// A connection to the worker that listens at that path.
    static func connect(to path: String) throws(ControlFault) -> Int32 {
        let address = try address(of: path)
        let socket = try make()
        while call(Glibc.connect, socket, address) != 0 {
            let code = errno
            if code == EINTR { continue }
            let reason = reason
            close(socket)
            switch code {
            case ENOENT, ECONNREFUSED, ENOTDIR: throw ControlFault(.noWorker, "no worker listens at \(path)")
            case EACCES, EPERM:
                throw ControlFault(.notAccessible, "\(path): \(reason); ask as the user of the worker, or as root")
            case EAGAIN:
                throw ControlFault(.timedOut, "the worker at \(path) is busy with other requests; ask again")
            default: throw ControlFault(.notAccessible, "\(path): \(reason)")
            }
        }
        return socket
    }

    private static func make() throws(ControlFault) -> Int32 {
        let flags = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, flags, 0)
        guard descriptor >= 0 else { throw ControlFault(.notAccessible, "no socket can be made: \(reason)") }
        return descriptor
    }

    private static func address(of path: String) throws(ControlFault) -> sockaddr_un {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count <= longestPath, !bytes.contains(0) else {
            throw ControlFault(
                .notAccessible,
                "the path of the control socket has \(bytes.count) bytes, and \(longestPath) is the most that a socket "
                    + "takes; choose a shorter state_path (\(path))")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return address
    }

    private static func call(
        _ function: (Int32, UnsafePointer<sockaddr>?, socklen_t) -> Int32, _ socket: Int32, _ address: sockaddr_un
    ) -> Int32 {
        withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                function(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    static var reason: String { String(cString: strerror(errno)) }
}
