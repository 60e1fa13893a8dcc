// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A thread for one call that may wait for a disk, so that none of Swift's cooperative pool does.
///
/// The caller waits for the call's end: whoever calls one after the other has one thread at a time.
enum DiskThread {
    private final class Start: Sendable {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Returns when the call has returned; nil where the system has no thread left, and then nothing was called.
    static func run<Output: Sendable>(_ body: @escaping @Sendable () -> Output) async -> Output? {
        await withCheckedContinuation { (continuation: CheckedContinuation<Output?, Never>) in
            // +1 taken here, released by the thread, or below if there is none.
            let start = Unmanaged.passRetained(Start { continuation.resume(returning: body()) })
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
        Unmanaged<Start>.fromOpaque(data).takeRetainedValue().body()
        return nil
    }
}
