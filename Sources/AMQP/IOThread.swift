// SPDX-License-Identifier: Apache-2.0

internal import CRabbitMQ
internal import Glibc

/// A named thread for one connection's life.
enum IOThread {
    private final class Work: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Runs the body on a thread of its own and returns when it has returned; false if no thread could be made.
    ///
    /// - Parameter name: shown by `top -H` and debuggers; the kernel keeps 15 bytes.
    static func run(named name: String, _ body: @escaping @Sendable () -> Void) async -> Bool {
        await withCheckedContinuation { (continuation: CheckedContinuation<Bool, Never>) in
            let work = Work(name: name) {
                body()
                continuation.resume(returning: true)
            }
            // +1 taken here, released by the thread.
            let context = Unmanaged.passRetained(work)
            var thread = pthread_t()
            let status = pthread_create(&thread, nil, { context in
                guard let context else { return nil }
                let work = Unmanaged<Work>.fromOpaque(context).takeRetainedValue()
                crabbitmq_name_thread(work.name)
                work.body()
                return nil
            }, context.toOpaque())
            if status == 0 {
                pthread_detach(thread)
            } else {
                context.release()
                continuation.resume(returning: false)
            }
        }
    }
}
