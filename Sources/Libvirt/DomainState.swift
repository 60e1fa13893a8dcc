// SPDX-License-Identifier: Apache-2.0

internal import CLibvirt

/// What libvirt says of a domain (`virDomainState`).
public enum DomainState: Int32, Sendable, Hashable, CaseIterable {
    case noState = 0
    case running = 1
    /// Waiting for a resource; runs.
    case blocked = 2
    case paused = 3
    /// Being shut down.
    case shutdown = 4
    case shutoff = 5
    case crashed = 6
    /// Put to sleep by the guest's own power management.
    case pmSuspended = 7

    /// The state of a number; one that a later libvirt may add is no state that we know.
    init(number: Int32) { self = DomainState(rawValue: number) ?? .noState }
}

/// A domain's state and its use of the host (`virDomainGetInfo`).
public struct DomainInfo: Sendable, Hashable {
    public let state: DomainState
    /// Whether it is paused because its start is under way.
    public let isStarting: Bool
    /// In KiB: the most that the domain may have, and what it has.
    public let maximumMemoryKiB: UInt64
    public let memoryKiB: UInt64
    public let vcpus: Int
    /// In nanoseconds.
    public let cpuTime: UInt64
    /// The number that is new with each start; nil for a domain that is off.
    public let id: Int32?

    /// Whether it is on its way to another state: starting, being shut down, or between one answer and the next.
    public var isChanging: Bool {
        switch state {
        case .shutdown: true
        case .shutoff: id != nil
        case .running, .blocked, .paused, .pmSuspended: isStarting || id == nil
        // A crashed one may be kept as it was, for a look at it.
        case .crashed, .noState: false
        }
    }
}

/// One domain of a list.
public struct DomainRecord: Sendable, Hashable {
    /// In canonical lower-case form.
    public let uuid: String
    public let name: String
    public let state: DomainState
    /// Virtual processors, and the most that it may have of memory in KiB; nil where they were not asked for.
    public let vcpus: Int?
    public let maximumMemoryKiB: UInt64?
}

/// A change in a domain's life (`virDomainEventType`).
public struct DomainEvent: Sendable, Hashable {
    /// What changed.
    public enum Kind: Int32, Sendable, Hashable, CaseIterable {
        case defined = 0
        case undefined = 1
        case started = 2
        case suspended = 3
        case resumed = 4
        case stopped = 5
        case shutdown = 6
        case pmSuspended = 7
        case crashed = 8
    }

    public let uuid: String
    public let name: String
    public let kind: Kind
    /// libvirt's reason, whose meaning depends on the kind.
    public let detail: Int32

    public init(uuid: String, name: String, kind: Kind, detail: Int32) {
        self.uuid = uuid
        self.name = name
        self.kind = kind
        self.detail = detail
    }
}
