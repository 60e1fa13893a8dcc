// SPDX-License-Identifier: Apache-2.0

internal import Metrics
internal import Synchronization

/// The timers of the calls to other services, each made once.
final class PeerMetrics: Sendable {
    private struct Key: Hashable {
        let peer: PeerName
        let method: String
        let outcome: String
    }

    private let timers = Mutex<[Key: Timer]>([:])

    func record(_ peer: PeerName, _ method: String, outcome: String, _ elapsed: Duration) {
        let key = Key(peer: peer, method: method, outcome: outcome)
        let timer = timers.withLock { timers in
            if let known = timers[key] { return known }
            let made = Timer(
                label: "compute_peer_call_seconds",
                dimensions: [("peer", peer.rawValue), ("method", method), ("outcome", outcome)])
            timers[key] = made
            return made
        }
        timer.record(duration: elapsed)
    }
}
