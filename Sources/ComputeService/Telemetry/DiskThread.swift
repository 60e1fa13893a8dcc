// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A thread for one call that may wait for a disk or a socket, so that none of Swift's cooperative pool does.
///
/// The caller waits for the call's end: whoever calls one after the other has one thread at a time.
enum DiskThread {
    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(_ name: String, _ body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Returns when the call has returned; nil where the system has no thread left, and then nothing was called.
    ///
    /// - Parameter name: of at most 15 bytes.
    static func run<Output: Sendable>(
        name: String, _ body: @escaping @Sendable () -> Output
    ) async -> Output? {
        await withCheckedContinuation { (continuation: CheckedContinuation<Output?, Never>) in
            // +1 taken here, released by the thread, or below if there is none.
            let start = Unmanaged.passRetained(Start(name) { continuation.resume(returning: body()) })
            var thread = pthread_t()
            guard pthread_create(&thread, nil, enter, start.toOpaque()) == 0 else {
                start.release()
                continuation.resume(returning: nil)
                return
            }
            pthread_detach(thread)
        }
    }

    private static let enter: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { data in
        guard let data else { return nil }
        let start = Unmanaged<Start>.fromOpaque(data).takeRetainedValue()
        nameThisThread(start.name)
        start.body()
        return nil
    }

    /// Through /proc, as the calls for it are no part of Glibc's module. A thread without a name works as well.
    private static func nameThisThread(_ name: String) {
        let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        defer { close(file) }
        _ = Array(name.utf8).withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
    }
}
