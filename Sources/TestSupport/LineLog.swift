// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Synchronization

/// The lines that a process wrote, kept, and handed to whoever waits for one.
public final class LineLog: Sendable {
    fileprivate struct State {
        var lines: [String] = []
        var partial: [UInt8] = []
        var isClosed = false
        var readers: [Int: (first: Int, lines: AsyncStream<String>.Continuation)] = [:]
        var readersMade = 0
    }

    private let state = Mutex(State())

    public init() {}

    /// All lines so far.
    public var lines: [String] { state.withLock { $0.lines } }

    /// All of it so far, or its end.
    public func text(last count: Int = .max) -> String { lines.suffix(count).joined(separator: "\n") }

    func append(_ bytes: some Sequence<UInt8>) {
        state.withLock { state in
            for byte in bytes {
                guard byte == UInt8(ascii: "\n") else {
                    state.partial.append(byte)
                    continue
                }
                state.finishLine()
            }
        }
    }

    /// Nothing more follows.
    func close() {
        let readers = state.withLock { state in
            if !state.partial.isEmpty { state.finishLine() }
            state.isClosed = true
            defer { state.readers = [:] }
            return Array(state.readers.values)
        }
        // Outside of the lock: each tells of its end at once, which takes the lock.
        for reader in readers { reader.lines.finish() }
    }

    /// The lines from one on, also those that are still to come; it ends with the process.
    public func stream(from first: Int = 0) -> AsyncStream<String> {
        let (stream, continuation) = AsyncStream<String>.makeStream()
        let number: Int? = state.withLock { state in
            for line in state.lines.dropFirst(first) { continuation.yield(line) }
            if state.isClosed {
                continuation.finish()
                return nil
            }
            state.readersMade += 1
            state.readers[state.readersMade] = (first, continuation)
            return state.readersMade
        }
        if let number {
            continuation.onTermination = { [weak self] _ in
                self?.state.withLock { $0.readers[number] = nil }
            }
        }
        return stream
    }

    /// The first line from one on for which this holds; nil if none came in time or nothing more can come.
    public func first(
        from start: Int = 0, within limit: Duration, where predicate: @escaping @Sendable (String) -> Bool
    ) async -> String? {
        let lines = stream(from: start)
        return await withTaskGroup(of: String?.self) { group in
            group.addTask { await lines.first(where: predicate) }
            group.addTask {
                // The limit of a wait for an outside process, not a rhythm.
                try? await Task.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }

    /// Waits until nothing more can come; false if that took longer.
    public func closed(within limit: Duration) async -> Bool {
        _ = await first(from: .max, within: limit) { _ in false }
        return state.withLock { $0.isClosed }
    }
}

extension LineLog.State {
    fileprivate mutating func finishLine() {
        if partial.last == UInt8(ascii: "\r") { partial.removeLast() }
        let line = String(decoding: partial, as: UTF8.self)
        partial = []
        lines.append(line)
        for reader in readers.values where lines.count > reader.first { reader.lines.yield(line) }
    }
}
