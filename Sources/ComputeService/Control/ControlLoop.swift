// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Synchronization

/// Serves the clients of the control socket on one thread, by poll(2): one request each, then its answer, then the end.
///
/// Whatever a client does (says nothing, says too much, does not read, goes away) costs its place among a few, for a
/// time that is bounded.
final class ControlLoop: Sendable {
    /// What a client may cost.
    struct Limits: Sendable {
        /// Clients that are served at once; more of them wait.
        var clients = 8
        var requestBytes = 4096
        /// For a client's request, and again for its taking of the answer.
        var patience = Duration.seconds(5)
        /// For the worker's answer.
        var work = Duration.seconds(60)
    }

    /// A client, by the number of its connection.
    struct ClientID: Sendable, Hashable { fileprivate let number: Int }

    private enum Phase {
        case asking([UInt8])
        case waiting
        case hearing([UInt8], sent: Int)
    }

    private struct Client {
        let id: ClientID
        let socket: Int32
        var phase = Phase.asking([])
        var deadline: ContinuousClock.Instant

        var events: Int16 {
            switch phase {
            case .asking: Int16(POLLIN)
            case .waiting: 0
            case .hearing: Int16(POLLOUT)
            }
        }
    }

    private struct Inbox {
        var answers: [(client: ClientID, bytes: [UInt8])] = []
        var isStopped = false
        /// The writing end of the pipe that the loop listens to; closed with the loop, so that nobody writes to a
        /// number that is another's by then.
        var wakeUp: Int32
    }

    private let listener: Int32
    private let limits: Limits
    private let inbox: Mutex<Inbox>
    private let wakeUp: Int32

    /// Takes over a socket that listens.
    init(listener: Int32, limits: Limits) throws(ControlFault) {
        self.listener = listener
        self.limits = limits
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            let reason = ControlSocket.reason
            close(listener)
            throw ControlFault(.notAccessible, "no pipe can be made: \(reason)")
        }
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        wakeUp = ends[0]
        inbox = Mutex(Inbox(wakeUp: ends[1]))
    }

    /// Hands an answer to its client, if that still waits.
    func answer(_ client: ClientID, _ bytes: [UInt8]) {
        wake { $0.answers.append((client, bytes)) }
    }

    /// Makes ``run(_:)`` return soon.
    func stop() { wake { $0.isStopped = true } }

    private func wake(_ change: (inout Inbox) -> Void) {
        inbox.withLock { inbox in
            change(&inbox)
            // A full pipe wakes as well.
            if inbox.wakeUp >= 0 { _ = write(inbox.wakeUp, [1], 1) }
        }
    }

    /// Serves until ``stop()``; for a thread of its own.
    ///
    /// - Parameter onRequest: hears each request's line; must not block.
    func run(_ onRequest: (ClientID, [UInt8]) -> Void) {
        var clients: [Client] = []
        var made = 0
        // Set where the system has no descriptor left: the listener stays readable all the same.
        var deafUntil: ContinuousClock.Instant?
        defer {
            for client in clients { close(client.socket) }
            close(listener)
            close(wakeUp)
            inbox.withLock { inbox in
                close(inbox.wakeUp)
                inbox.wakeUp = -1
            }
        }
        while true {
            let now = ContinuousClock.now
            clients.removeAll { client in
                guard client.deadline <= now else { return false }
                close(client.socket)
                return true
            }
            if let deaf = deafUntil, deaf <= now { deafUntil = nil }
            let isAccepting = clients.count < limits.clients && deafUntil == nil
            var places = [
                pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0),
                pollfd(fd: isAccepting ? listener : -1, events: Int16(POLLIN), revents: 0),
            ]
            for client in clients { places.append(pollfd(fd: client.socket, events: client.events, revents: 0)) }
            let deadline = (clients.map(\.deadline) + (deafUntil.map { [$0] } ?? [])).min()
            guard poll(&places, nfds_t(places.count), Self.milliseconds(until: deadline, from: now)) >= 0 else {
                if errno == EINTR { continue }
                return
            }
            if places[0].revents != 0 {
                var bytes = [UInt8](repeating: 0, count: 64)
                _ = read(wakeUp, &bytes, bytes.count)
                let (answers, isStopped) = inbox.withLock { inbox in
                    defer { inbox.answers = [] }
                    return (inbox.answers, inbox.isStopped)
                }
                if isStopped { return }
                for answer in answers {
                    guard let index = clients.firstIndex(where: { $0.id == answer.client }) else { continue }
                    clients[index].phase = .hearing(answer.bytes, sent: 0)
                    clients[index].deadline = .now + limits.patience
                }
            }
            // The places are those of the clients before this round, in their order.
            for (index, place) in places.dropFirst(2).enumerated().reversed() {
                guard place.revents != 0, !serve(&clients[index], place.revents, onRequest) else { continue }
                close(clients[index].socket)
                clients.remove(at: index)
            }
            if places[1].revents != 0 {
                switch accept() {
                case .client(let socket):
                    made += 1
                    clients.append(
                        Client(id: ClientID(number: made), socket: socket, deadline: .now + limits.patience))
                case .gone: break
                case .exhausted: deafUntil = .now + .seconds(1)
                }
            }
        }
    }

    private static func milliseconds(
        until deadline: ContinuousClock.Instant?, from now: ContinuousClock.Instant
    ) -> Int32 {
        guard let deadline else { return -1 }
        let left = (deadline - now).components
        return Int32(clamping: left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000 + 1)
    }

    private enum Accepted {
        case client(Int32)
        case gone
        case exhausted
    }

    private func accept() -> Accepted {
        let socket = Glibc.accept(listener, nil, nil)
        guard socket >= 0 else {
            return [EAGAIN, EINTR, ECONNABORTED].contains(errno) ? .gone : .exhausted
        }
        guard fcntl(socket, F_SETFL, O_NONBLOCK) == 0, fcntl(socket, F_SETFD, FD_CLOEXEC) == 0 else {
            close(socket)
            return .gone
        }
        return .client(socket)
    }

    /// Goes on with a client; false where it is done with.
    private func serve(_ client: inout Client, _ events: Int16, _ onRequest: (ClientID, [UInt8]) -> Void) -> Bool {
        switch client.phase {
        case .asking(var line):
            var buffer = [UInt8](repeating: 0, count: 1024)
            let count = read(client.socket, &buffer, buffer.count)
            if count < 0 { return errno == EAGAIN || errno == EINTR }
            guard count > 0 else { return false }
            let end = buffer[..<count].firstIndex(of: UInt8(ascii: "\n"))
            line += buffer[..<(end ?? count)]
            guard line.count <= limits.requestBytes else { return false }
            guard end != nil else {
                client.phase = .asking(line)
                return true
            }
            client.phase = .waiting
            client.deadline = .now + limits.work
            onRequest(client.id, line)
            return true
        case .waiting:
            // It is not polled for what it may say: it went away.
            return events & Int16(POLLHUP | POLLERR) == 0
        case .hearing(let bytes, var sent):
            let count = bytes[sent...].withUnsafeBytes {
                send(client.socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0 { return errno == EAGAIN || errno == EINTR }
            sent += count
            client.phase = .hearing(bytes, sent: sent)
            return sent < bytes.count
        }
    }
}
