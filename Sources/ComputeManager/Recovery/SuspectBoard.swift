// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// What the reconciler has to look at: told by events, or left over from a look that showed nothing.
///
/// A value without tasks or clocks; in the order of arrival, so that a history can be repeated.
struct SuspectBoard: Sendable {
    struct Suspect: Sendable, Hashable {
        let id: InstanceID
        /// What the last event said; nil where only a look can tell.
        var told: PowerState?
        /// How often it was put back.
        var rounds: Int
    }

    /// Whether all guests are to be read.
    var needsInventory = false
    /// Whether no reading of all guests has come to its end since the start.
    var isFirstReading = true
    private var suspects: [Suspect] = []
    private var places: [InstanceID: Int] = [:]
    /// Guests whose visit waits for its turn: one is enough.
    private var visiting: Set<InstanceID> = []
    private(set) var foreign: Set<InstanceID> = []

    var isEmpty: Bool { suspects.isEmpty && !needsInventory }

    /// The last word of a guest stands.
    mutating func add(_ id: InstanceID, told state: PowerState?, rounds: Int = 0) {
        if let place = places[id] {
            suspects[place].told = state
        } else {
            places[id] = suspects.count
            suspects.append(Suspect(id: id, told: state, rounds: rounds))
        }
    }

    /// What there is to do; the board is clean afterwards.
    mutating func take() -> (needsInventory: Bool, suspects: [Suspect]) {
        defer {
            needsInventory = false
            suspects = []
            places = [:]
        }
        return (needsInventory, suspects)
    }

    /// Whether a visit is to be made: none of this guest waits already.
    mutating func beginVisit(_ id: InstanceID) -> Bool { visiting.insert(id).inserted }

    mutating func visited(_ id: InstanceID) { visiting.remove(id) }

    /// Remembers a guest that no instance owns; true for one that was not known as such.
    mutating func isForeign(_ id: InstanceID, _ isForeign: Bool) -> Bool {
        if isForeign { return foreign.insert(id).inserted }
        foreign.remove(id)
        return false
    }

    /// Forgets the foreign guests that are gone.
    mutating func keepForeign(_ present: Set<InstanceID>) { foreign.formIntersection(present) }
}
