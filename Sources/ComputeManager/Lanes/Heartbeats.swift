// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Logging
internal import Synchronization

/// Tells callers who ask for it that their call is still running: every half of the time that they wait for a sign.
final class Heartbeats: Sendable {
    private let sink: any MessageSink
    private let encoder: any MessageEncoder
    private let clock: any Clock<Duration>
    private let running = Mutex<Set<ReplyAddress>>([])
    private let calls: AsyncStream<ReplyAddress>
    private let call: AsyncStream<ReplyAddress>.Continuation

    init(sink: any MessageSink, encoder: any MessageEncoder, clock: any Clock<Duration>) {
        self.sink = sink
        self.encoder = encoder
        self.clock = clock
        (calls, call) = AsyncStream.makeStream()
    }

    /// Begins to tell the caller, if it asked for that.
    func begin(_ address: ReplyAddress?) {
        guard let address, address.heartbeatInterval != nil else { return }
        let isNew = running.withLock { $0.insert(address).inserted }
        if isNew { call.yield(address) }
    }

    /// Ends it; at most one heartbeat may still be on its way.
    func end(_ address: ReplyAddress?) {
        guard let address else { return }
        running.withLock { _ = $0.remove(address) }
    }

    func run() async {
        await withDiscardingTaskGroup { group in
            for await address in calls {
                group.addTask { await self.tell(address) }
            }
        }
    }

    private func tell(_ address: ReplyAddress) async {
        guard let interval = address.heartbeatInterval else { return }
        while await clock.paused(for: interval) {
            // Each beat is a message of its own: a caller may drop what repeats an id.
            guard running.withLock({ $0.contains(address) }), let beat = encoder.heartbeat(to: address) else { return }
            // A beat that does not arrive is worth nothing later; the reply itself is kept until it does.
            guard (try? await sink.publish(beat)) != nil else { return }
        }
    }
}

extension ReplyAddress {
    /// Half of the caller's patience; nil where it wants no sign, or none that can be given so fast, or so late that
    /// nobody waits for it.
    var heartbeatInterval: Duration? {
        guard case .replyQueue(_, _, let heartbeat?) = self, (2...86_400).contains(heartbeat) else { return nil }
        return .milliseconds(heartbeat * 500)
    }
}
