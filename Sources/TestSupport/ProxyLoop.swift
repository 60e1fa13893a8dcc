// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The work of a proxy's thread: poll(2) over all connections.
struct ProxyLoop: Sendable {
    /// One direction of a connection.
    private struct Pipe {
        let from: Int32
        let to: Int32
        var waiting: [UInt8] = []
        var filter: FrameFilter?
        var hasEnded = false
    }

    private struct Pair {
        var up: Pipe
        var down: Pipe
        /// The generation of the mode in which it was made.
        let generation: Int
    }

    let listener: Int32
    let wakeUp: Int32
    let target: UInt16
    let command: @Sendable () -> (isClosed: Bool, mode: FaultyProxy.Mode, generation: Int)
    let accepted: @Sendable () -> Void

    init(
        listener: Int32, wakeUp: Int32, target: UInt16,
        command: @escaping @Sendable () -> (isClosed: Bool, mode: FaultyProxy.Mode, generation: Int),
        accepted: @escaping @Sendable () -> Void
    ) {
        self.listener = listener
        self.wakeUp = wakeUp
        self.target = target
        self.command = command
        self.accepted = accepted
    }

    func run() {
        var pairs: [Pair] = []
        while true {
            let (isClosed, mode, generation) = command()
            if isClosed { break }
            let isOpen = mode != .blackHole
            var descriptors = [
                pollfd(fd: listener, events: Int16(POLLIN), revents: 0),
                pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0),
            ]
            for pair in pairs where isOpen {
                let isAffected = pair.generation < generation
                for (pipe, isUp) in [(pair.up, true), (pair.down, false)] {
                    let event = pipe.waiting.isEmpty ? (pipe.from, POLLIN) : (pipe.to, POLLOUT)
                    let isStalled = isAffected && (mode == .orphaned || mode == .mute && isUp)
                    descriptors.append(pollfd(fd: isStalled ? -1 : event.0, events: Int16(event.1), revents: 0))
                }
            }
            _ = poll(&descriptors, nfds_t(descriptors.count), 1000)
            if descriptors[1].revents != 0 {
                var bytes = [UInt8](repeating: 0, count: 64)
                _ = read(wakeUp, &bytes, bytes.count)
                continue
            }
            if isOpen {
                for index in pairs.indices {
                    let isAffected = pairs[index].generation < generation
                    if descriptors[2 + 2 * index].revents != 0 { move(&pairs[index].up, .forward) }
                    if descriptors[3 + 2 * index].revents != 0 {
                        move(&pairs[index].down, isAffected ? mode : .forward)
                    }
                }
                pairs.removeAll { pair in
                    guard pair.up.hasEnded || pair.down.hasEnded else { return false }
                    close(pair.up.from)
                    close(pair.up.to)
                    return true
                }
            }
            if descriptors[0].revents != 0 { accept(into: &pairs, generation) }
        }
        for pair in pairs {
            close(pair.up.from)
            close(pair.up.to)
        }
        close(listener)
        close(wakeUp)
    }

    private func accept(into pairs: inout [Pair], _ generation: Int) {
        while true {
            let client = Glibc.accept(listener, nil, nil)
            guard client >= 0 else { return }
            accepted()
            let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            var address = loopbackAddress(port: target)
            let status = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    connect(server, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard server >= 0, status == 0 else {
                close(client)
                if server >= 0 { close(server) }
                continue
            }
            setNonBlocking(client)
            setNonBlocking(server)
            pairs.append(
                Pair(
                    up: Pipe(from: client, to: server), down: Pipe(from: server, to: client, filter: FrameFilter()),
                    generation: generation))
        }
    }

    /// Reads once and writes what there is to write.
    private func move(_ pipe: inout Pipe, _ mode: FaultyProxy.Mode) {
        if pipe.waiting.isEmpty {
            var bytes = [UInt8](repeating: 0, count: 65_536)
            let count = read(pipe.from, &bytes, bytes.count)
            if count < 0, errno == EAGAIN { return }
            guard count > 0 else {
                pipe.hasEnded = true
                return
            }
            let read = bytes[..<count]
            if pipe.filter != nil {
                pipe.waiting = pipe.filter?.passed(read, mode) ?? []
            } else {
                pipe.waiting = Array(read)
            }
        }
        guard !pipe.waiting.isEmpty else { return }
        let count = send(pipe.to, pipe.waiting, pipe.waiting.count, Int32(MSG_NOSIGNAL))
        if count < 0, errno == EAGAIN { return }
        if count <= 0 { pipe.hasEnded = true } else { pipe.waiting.removeFirst(count) }
    }
}

/// Cuts what a broker sends into frames, and leaves some out.
private struct FrameFilter {
    private static let basicClass: UInt16 = 60
    private static let deliver: UInt16 = 60
    private static let confirms: [UInt16] = [80, 120]

    private var rest: [UInt8] = []
    /// Whether the content of a message is being left out, which follows its method.
    private var dropsContent = false

    mutating func passed(_ bytes: ArraySlice<UInt8>, _ mode: FaultyProxy.Mode) -> [UInt8] {
        rest += bytes
        var result: [UInt8] = []
        var position = 0
        // A frame: type, channel (2), size (4), payload, end.
        while rest.count - position >= 7 {
            let size = rest[(position + 3)..<(position + 7)].reduce(0) { $0 << 8 | Int($1) }
            let end = position + 7 + size + 1
            guard rest.count >= end else { break }
            if !isDropped(rest[position..<end], mode) { result += rest[position..<end] }
            position = end
        }
        rest.removeFirst(position)
        return result
    }

    private mutating func isDropped(_ frame: ArraySlice<UInt8>, _ mode: FaultyProxy.Mode) -> Bool {
        let start = frame.startIndex
        switch frame[start] {
        case 1:
            let classID = UInt16(frame[start + 7]) << 8 | UInt16(frame[start + 8])
            let method = UInt16(frame[start + 9]) << 8 | UInt16(frame[start + 10])
            dropsContent = false
            guard classID == Self.basicClass else { return false }
            if mode == .deaf, method == Self.deliver {
                dropsContent = true
                return true
            }
            return mode == .unconfirmed && Self.confirms.contains(method)
        case 2, 3: return dropsContent
        default: return false
        }
    }
}
