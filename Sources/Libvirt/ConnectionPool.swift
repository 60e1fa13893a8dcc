// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// The connections over which calls are made, each by one thread at a time.
///
/// libvirt allows many threads on one connection; but up to its release 10 a second thread that has a call to make
/// while a first one waits for its answer may leave a source behind that ends the process later (CVE-2024-4418). libvirtd, for its part, works on five calls of a client at once and
/// reads nothing more from it meanwhile, so that a few that hang would stop the others. A connection for each thread
/// meets neither.
final class ConnectionPool: Sendable {
    /// As many as the lanes have threads without their spare ones.
    private static let idleLimit = 16

    private let idle = Mutex<[ConnectionHandle]>([])
    private let configuration: ConnectionConfiguration
    private let lane: CallLane

    init(_ configuration: ConnectionConfiguration, lane: CallLane) {
        self.configuration = configuration
        self.lane = lane
    }

    /// An idle connection, or a new one; on the thread that makes the call.
    func take() throws(LibvirtError) -> ConnectionHandle {
        if let handle = idle.withLock({ $0.popLast() }) { return handle }
        return try Connection.openHandle(configuration, lane: lane).handle
    }

    /// Takes a connection back that has done its call.
    func give(_ handle: ConnectionHandle) {
        idle.withLock { if $0.count < Self.idleLimit { $0.append(handle) } }
    }
}
