// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Where a ``FakeDriver`` writes its snapshots: the one thing of it that somebody else must be able to read.
public struct FakeFiles: Sendable {
    let write: @Sendable ([UInt8], String) throws(ComputeFault) -> Void
    let remove: @Sendable (String) -> Void

    public init(
        write: @escaping @Sendable ([UInt8], String) throws(ComputeFault) -> Void,
        remove: @escaping @Sendable (String) -> Void
    ) {
        self.write = write
        self.remove = remove
    }

    /// Writes a file.
    public func write(_ bytes: [UInt8], to path: String) throws(ComputeFault) { try write(bytes, path) }

    /// No files, for where nothing outside of the process may change.
    public static let none = FakeFiles(write: { _, _ in }, remove: { _ in })

    /// Small files of this host. They are written by the caller's thread: it is a matter of microseconds.
    public static let system = FakeFiles(
        write: { bytes, path throws(ComputeFault) in
            let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else {
                throw ComputeFault(.hypervisorFailure, "A file can't be made: \(String(cString: strerror(errno))).")
            }
            defer { close(descriptor) }
            guard bytes.withUnsafeBytes({ sent(descriptor, $0) }) == bytes.count else {
                unlink(path)
                throw ComputeFault(.hypervisorFailure, "A file can't be written: \(String(cString: strerror(errno))).")
            }
        },
        remove: { unlink($0) })
}

private func sent(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    write(descriptor, bytes.baseAddress, bytes.count)
}
