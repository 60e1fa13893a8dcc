// SPDX-License-Identifier: Apache-2.0

internal import CRabbitMQ
internal import Glibc
internal import Synchronization

/// What other threads leave for the thread that owns a connection, and the way to wake it.
///
/// The thread sleeps in poll(2) on its socket and on an eventfd; the eventfd is written only when it sleeps. Where the
/// process is out of file descriptors there is none: see ``checkUsable()``.
final class Mailbox<Contents: Sendable>: Sendable {
    private struct State: Sendable {
        var contents: Contents
        var isAsleep = false
    }

    private let state: Mutex<State>
    private let wakeUp: Int32

    convenience init(_ contents: Contents) { self.init(contents, wakeUp: crabbitmq_eventfd()) }

    /// - Parameter wakeUp: an eventfd, which is closed in the end; negative where none could be made.
    init(_ contents: Contents, wakeUp: Int32) {
        state = Mutex(State(contents: contents))
        self.wakeUp = wakeUp
    }

    deinit { if wakeUp >= 0 { close(wakeUp) } }

    /// - Throws: where nothing could wake the thread.
    func checkUsable() throws(BrokerError) {
        guard wakeUp >= 0 else {
            throw BrokerError(
                .unreachable, "the process is out of file descriptors: raise its limit (ulimit -n, LimitNOFILE)")
        }
    }

    /// Changes the contents and wakes the thread. Any thread.
    func post<Result: Sendable>(_ body: (inout sending Contents) -> sending Result) -> Result {
        let (result, wasAsleep) = state.withLock { state in
            let result = body(&state.contents)
            let wasAsleep = state.isAsleep
            state.isAsleep = false
            return (result, wasAsleep)
        }
        if wasAsleep {
            var one: UInt64 = 1
            _ = write(wakeUp, &one, MemoryLayout<UInt64>.size)
        }
        return result
    }

    /// Changes the contents without waking the thread. Any thread.
    func update<Result: Sendable>(_ body: (inout sending Contents) -> sending Result) -> Result {
        state.withLock { body(&$0.contents) }
    }

    /// Sleeps until the socket is ready, somebody posts, or the time is over; not at all if there is work.
    ///
    /// - Parameters:
    ///   - socket: -1 for none.
    ///   - wantsToWrite: wakes also when the socket takes bytes again.
    func sleep(socket: Int32, wantsToWrite: Bool = false, atMost time: Duration, unless hasWork: (Contents) -> Bool) {
        let mustSleep = state.withLock { state in
            state.isAsleep = !hasWork(state.contents)
            return state.isAsleep
        }
        guard mustSleep else { return }
        var descriptors = [
            pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0),
            pollfd(fd: socket, events: Int16(POLLIN) | (wantsToWrite ? Int16(POLLOUT) : 0), revents: 0),
        ]
        let milliseconds = Int32(clamping: max(0, time.milliseconds))
        _ = poll(&descriptors, nfds_t(socket < 0 ? 1 : 2), milliseconds)
        state.withLock { $0.isAsleep = false }
        var count: UInt64 = 0
        _ = read(wakeUp, &count, MemoryLayout<UInt64>.size)
    }
}
