// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel

/// What the outside saw, for the invariants: wishes, deliveries, what the hypervisor did, what consumers received.
///
/// @unchecked Sendable because only the thread of the simulation touches it.
final class Ledger: @unchecked Sendable {
    /// A call that had its effect on the hypervisor.
    struct Effect {
        let operation: String
        let instance: InstanceID
        /// The wish whose work it was, as far as the call says.
        let wish: Int?
        let generation: Int
    }

    /// What a client's message went through.
    struct Transit {
        let wish: Int
        let isRetry: Bool
        /// How often it was given back and handed out again.
        var redeliveries = 0
    }

    var wishes: [Wish] = []
    /// By the number of the message.
    var transits: [Transit] = []
    var effects: [Effect] = []
    /// What consumers received, in the order in which the broker took it.
    var received: [WireMessage] = []
    /// Messages that reached nobody, and the worker was told so.
    var returned: [WireMessage] = []
    /// Wishes in whose work the hypervisor failed, by number.
    var disturbed: Set<Int> = []
    /// Wishes whose spawn did not come to a good end in the worker's eyes.
    var failedSpawns: Set<Int> = []
    /// Casts to the scheduler whose confirm was lost, by wish: nobody knows which way they went.
    var doubtfulCasts: Set<Int> = []
    /// Instances that somebody else than the worker touched.
    var touched: Set<InstanceID> = []
    /// Guests that nobody asked the worker for.
    var foreign: Set<InstanceID> = []
    /// Instances whose guest came back after they had been deleted here.
    var returnedGuests: Set<InstanceID> = []
    /// How often a guest of each instance was really switched off, by anybody.
    var stops: [InstanceID: Int] = [:]
    /// Requests whose delete is the other host's to do and to tell of.
    var passedOn: Set<String> = []
    /// Times that an operator gave something up.
    var cancels = 0
    /// Times that a worker died or stopped.
    var ends = 0

    /// Instances of which the hypervisor did not tell what it was asked.
    var untold: Set<InstanceID> = []

    /// Whether something went wrong with an instance for which it may look otherwise than it was asked to.
    func isExcused(_ id: InstanceID) -> Bool {
        touched.contains(id) || untold.contains(id)
            || wishes.contains { $0.instance == id && disturbed.contains($0.number) }
    }

    func disturb(_ wish: Int?, _ instance: InstanceID?) {
        if let wish { disturbed.insert(wish) } else if let instance { untold.insert(instance) }
    }
}
