// SPDX-License-Identifier: Apache-2.0

internal import CLibvirt
internal import Glibc

/// Threads of our own, with a name that `ps -L` shows.
enum NamedThread {
    private final class Start {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Starts a detached thread; false when the system has none left.
    ///
    /// - Parameter name: At most 15 bytes are shown.
    @discardableResult
    static func start(_ name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
        // +1 taken here, released by the thread when it starts, or below when there is none.
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, 1 << 20)
        defer { pthread_attr_destroy(&attributes) }
        var thread = pthread_t()
        guard pthread_create(&thread, &attributes, run, start.toOpaque()) == 0 else {
            start.release()
            return false
        }
        return true
    }

    private static let run: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { data in
        guard let data else { return nil }
        let start = Unmanaged<Start>.fromOpaque(data).takeRetainedValue()
        clibvirt_name_thread(start.name)
        start.body()
        return nil
    }
}
