// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Files past the page cache, which some file systems refuse.
enum DirectIO {
    /// `O_DIRECT`, which is missing from the Glibc module because it hides behind _GNU_SOURCE.
    #if arch(x86_64) || arch(i386)
        static let flag: Int32 = 0o40000
    #else
        static let flag: Int32 = 0o200000
    #endif

    /// Whether a file can be opened so; on the file lane.
    static func isSupported(by path: String) -> Bool {
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | flag)
        if descriptor >= 0 { close(descriptor) }
        return descriptor >= 0
    }
}
