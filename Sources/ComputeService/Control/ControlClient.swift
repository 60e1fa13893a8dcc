// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Glibc

/// Asks a running worker through its control socket.
enum ControlClient {
    /// Bytes of the longest answer that is read.
    private static let longestAnswer = 4 << 20

    /// Asks once.
    ///
    /// - Throws: ``ControlFault``: no worker listens, or it said nothing in time.
    static func ask(
        _ request: ControlRequest, at path: String, within limit: Duration
    ) async throws(ControlFault) -> ControlAnswer {
        let result: Result<[UInt8], ControlFault>? = await DiskThread.run(name: "ask") {
            Result { () throws(ControlFault) in try exchange(request, path, deadline: .now + limit) }
        }
        guard let result else { throw ControlFault(.notAccessible, "no thread can be started") }
        let line = try result.get()
        guard let json = try? JSONParser.parse(line), let answer = ControlAnswer(json: json) else {
            throw ControlFault(.failed, "the worker at \(path) said what this version can't read")
        }
        return answer
    }

    private static func exchange(
        _ request: ControlRequest, _ path: String, deadline: ContinuousClock.Instant
    ) throws(ControlFault) -> [UInt8] {
        let socket = try ControlSocket.connect(to: path)
        defer { close(socket) }
        let line = JSONWriter.bytes(request.json) + [UInt8(ascii: "\n")]
        var sent = 0
        while sent < line.count {
            try wait(for: POLLOUT, socket, path, deadline)
            let count = line[sent...].withUnsafeBytes {
                send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 { sent += count } else { try mayGoOn(path) }
        }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            try wait(for: POLLIN, socket, path, deadline)
            let count = read(socket, &buffer, buffer.count)
            if count < 0 {
                try mayGoOn(path)
                continue
            }
            guard count > 0, answer.count + count <= longestAnswer else {
                throw ControlFault(.failed, "the worker at \(path) ended the conversation")
            }
            if let end = buffer[..<count].firstIndex(of: UInt8(ascii: "\n")) { return answer + buffer[..<end] }
            answer += buffer[..<count]
        }
    }

    private static func mayGoOn(_ path: String) throws(ControlFault) {
        guard errno == EAGAIN || errno == EINTR else {
            throw ControlFault(.failed, "the worker at \(path) ended the conversation: \(ControlSocket.reason)")
        }
    }

    private static func wait(
        for event: Int32, _ socket: Int32, _ path: String, _ deadline: ContinuousClock.Instant
    ) throws(ControlFault) {
        while true {
            let left = (deadline - .now) / .milliseconds(1)
            guard left > 0 else { throw ControlFault(.timedOut, "the worker at \(path) did not answer in time") }
            var place = pollfd(fd: socket, events: Int16(event), revents: 0)
            if poll(&place, 1, Int32(clamping: Int(left) + 1)) > 0 { return }
        }
    }
}
