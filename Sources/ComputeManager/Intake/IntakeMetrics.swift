// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Metrics

/// What the intake counts; made once, because finding a counter costs more than counting.
struct IntakeMetrics: Sendable {
    private let received = Counter(label: "compute_rpc_received_total")
    private let journaled = Counter(label: "compute_rpc_journaled_total")
    private let duplicates = Counter(label: "compute_rpc_duplicates_total")
    private let held = Counter(label: "compute_rpc_held_total")
    private let readOnly = Counter(label: "compute_rpc_read_only_total")
    private let storeFailures = Counter(label: "compute_rpc_store_failures_total")
    private let lostDeadLetters = Counter(label: "compute_rpc_dead_letters_lost_total")
    private let deadLetters: [MalformedMessage.Reason: Counter]
    private let failureReplies: [ComputeFault.Kind: Counter]
    private let pausesWhenFull = Counter(
        label: "compute_rpc_intake_pauses_total", dimensions: [("reason", "high-water")])
    private let pausesOfStore = Counter(label: "compute_rpc_intake_pauses_total", dimensions: [("reason", "store")])

    init() {
        deadLetters = Dictionary(
            uniqueKeysWithValues: MalformedMessage.Reason.allCases.map {
                ($0, Counter(label: "compute_rpc_dead_letters_total", dimensions: [("reason", $0.rawValue)]))
            })
        failureReplies = Dictionary(
            uniqueKeysWithValues: ComputeFault.Kind.allCases.map {
                ($0, Counter(label: "compute_rpc_failure_replies_total", dimensions: [("kind", $0.rawValue)]))
            })
    }

    func countReceived(_ count: Int) { received.increment(by: count) }
    func countJournaled(_ count: Int) { if count > 0 { journaled.increment(by: count) } }
    func countDuplicates(_ count: Int) { if count > 0 { duplicates.increment(by: count) } }
    func countHeld(_ count: Int) { if count > 0 { held.increment(by: count) } }
    func countReadOnly() { readOnly.increment() }
    func countStoreFailure() { storeFailures.increment() }
    func countDeadLetter(_ reason: MalformedMessage.Reason) { deadLetters[reason]?.increment() }
    func countLostDeadLetter() { lostDeadLetters.increment() }
    func countFailureReply(_ kind: ComputeFault.Kind) { failureReplies[kind]?.increment() }
    func countPauseWhenFull() { pausesWhenFull.increment() }
    func countPauseOfStore() { pausesOfStore.increment() }
}
