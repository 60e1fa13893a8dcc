// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Synchronization

/// Hosts between which guests can move: give it to several ``FakeDriver`` values of different hostnames.
public final class FakeCluster: Sendable {
    private struct State {
        var hosts: [String: FakeHostState] = [:]
        var parcels: [String: [InstanceID: FakeGuest]] = [:]
    }

    private let state = Mutex(State())
    /// Whether the hosts see the same instance directories; nil for hosts that don't care.
    public let sharesStorage: Bool?

    public init(sharesStorage: Bool? = nil) { self.sharesStorage = sharesStorage }

    /// Whether there is but one host: what leaves it then goes nowhere, and what comes to it came from nowhere.
    var isAlone: Bool { state.withLock { $0.hosts.count < 2 } }

    func join(_ host: FakeHostState, as name: String) { state.withLock { $0.hosts[name] = host } }

    func host(_ name: String) -> FakeHostState? { state.withLock { $0.hosts[name] } }

    /// The first of the other hosts, by name.
    func neighbour(of name: String) -> FakeHostState? {
        state.withLock { state in
            state.hosts.keys.filter { $0 != name }.min().flatMap { state.hosts[$0] }
        }
    }

    /// The disks of a guest that is off, on their way to a host.
    func send(_ guest: FakeGuest, to host: String) {
        state.withLock { $0.parcels[host, default: [:]][guest.id] = guest }
    }

    func parcel(for id: InstanceID, at host: String) -> FakeGuest? { state.withLock { $0.parcels[host]?[id] } }

    func dropParcel(for id: InstanceID, at host: String) {
        state.withLock { $0.parcels[host]?[id] = nil }
    }

    /// Whether a mark that one host left is seen from another.
    func sees(_ mark: String, from host: String) -> Bool {
        let hosts = state.withLock { $0.hosts }
        return hosts.contains { name, state in
            (sharesStorage != false || name == host) && state.withLock { $0.host.marks.contains(mark) }
        }
    }
}
