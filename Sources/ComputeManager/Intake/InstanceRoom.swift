// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Whether there is room for the disks of guests, as whoever watches over it saw last.
public final class InstanceRoom: Sendable {
    private let full = Atomic(false)
    /// A value for each look, for one reader: the intake.
    let looks: AsyncStream<Void>
    private let bell: AsyncStream<Void>.Continuation

    /// There is room until somebody says otherwise.
    public init() { (looks, bell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    public var isFull: Bool { full.load(ordering: .relaxed) }

    /// Says what a look has shown; to be said after every look, since what is held is looked through then.
    public func report(isFull: Bool) {
        full.store(isFull, ordering: .relaxed)
        bell.yield()
    }
}
