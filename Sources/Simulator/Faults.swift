// SPDX-License-Identifier: Apache-2.0

/// Which faults a history has, how many of each, and what of them has happened.
struct Faults {
    private var budget: [FaultKind: Int] = [:]
    private(set) var counts: [FaultKind: Int] = [:]
    /// Faults happen; off towards the end of a history.
    var isOn = true

    /// Draws what may happen: each history has some kinds, and few of each, so that many histories are different ones.
    init(_ generator: inout SeededGenerator, calm: Bool) {
        for kind in FaultKind.allCases {
            let most = Self.most(of: kind)
            let isChosen = generator.chance(Self.chance(of: kind))
            let amount = 1 + generator.below(most)
            budget[kind] = isChosen && !calm ? amount : 0
        }
    }

    /// In how many histories of a hundred it may happen: what keeps a worker from serving at all, in few.
    private static func chance(of kind: FaultKind) -> Int {
        switch kind {
        case .crash, .redelivery: 60
        case .wrongPassword, .changedTopology, .secondWorker, .lockLingers, .newerJournal: 8
        default: 25
        }
    }

    private static func most(of kind: FaultKind) -> Int {
        switch kind {
        case .crash: 4
        case .gracefulStop, .powerCut, .outage, .diskFull, .flippedBit, .newerJournal, .secondWorker, .lockLingers, .wrongPassword,
            .changedTopology: 2
        case .timerFirst: 12
        case .callFails, .answerLost, .callHangs, .callSlow, .imageMissing, .malformedMessage: 3
        default: 3
        }
    }

    /// At least two of each may happen.
    mutating func grant(_ kinds: [FaultKind]) {
        for kind in kinds { budget[kind] = max(2, budget[kind, default: 0]) }
    }

    /// Whether one more of the kind may happen.
    func has(_ kind: FaultKind) -> Bool { isOn && budget[kind, default: 0] > 0 }

    /// Kinds of a list that may happen now.
    func available(_ kinds: [FaultKind]) -> [FaultKind] { kinds.filter(has) }

    /// One of the kind happens.
    mutating func spend(_ kind: FaultKind) {
        budget[kind, default: 0] -= 1
        count(kind)
    }

    /// One of the kind happened as a consequence of something else.
    mutating func count(_ kind: FaultKind) { counts[kind, default: 0] += 1 }
}
