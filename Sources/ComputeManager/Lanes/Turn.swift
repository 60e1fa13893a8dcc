// SPDX-License-Identifier: Apache-2.0

/// A request's turn in its lane, as who works on it sees it.
struct Turn: Sendable {
    /// Says when a later request takes its place.
    let token: InterruptionToken
    /// Gives the slot to another lane before the turn is over: the driver has done its part and what is left is a
    /// commit, or the hypervisor is away. Any number of times.
    let freeSlot: @Sendable () -> Void
    /// Takes a slot again after ``freeSlot``, behind those who asked before; false where the worker stops first.
    let takeSlot: @Sendable () async -> Bool
    /// Whether the worker begins nothing more.
    let isStopping: @Sendable () -> Bool
    /// Notes in the journal what the work waits for, for the operator who asks.
    let hindered: @Sendable (String) async -> Void
}
