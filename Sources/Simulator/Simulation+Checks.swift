// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel
internal import ComputeService
internal import OsloMessaging

extension Simulation {
    /// Holds what the outside saw and what the store holds against the invariants.
    func check() {
        if let worker {
            noticeDamage(worker.store)
            let reasons = worker.watch.reasons
            if !reasons.isEmpty { world.violate(.endsQuiet, "not ready: \(reasons.joined(separator: "; "))") }
        }
        checkSecrets()
        // What the disk destroyed can't be done; that the service went on all the same was seen until here.
        if isDamaged { return }
        let book = EventBook(world.ledger, form: traffic.notificationForms[0])
        for wish in world.ledger.wishes where wish.method.isJournaled { checkOutcome(of: wish, book) }
        for wish in world.ledger.wishes { checkReply(to: wish) }
        for wish in world.ledger.wishes where !wish.method.isJournaled { checkPutAside(wish) }
        checkEffects(book)
        checkEvents(book)
        checkUsage(book)
        checkStore(book)
    }

    private func checkSecrets() {
        let canary = Array(Traffic.canary.utf8)
        for message in world.ledger.received where message.kind != .cast {
            guard message.body.firstRange(of: canary) != nil else { continue }
            world.violate(.noSecrets, "in a \(message.kind.rawValue) to \(message.routingKey)")
        }
    }

    /// How many times a wish may and must be carried out: more than once only where equal messages were sent.
    func expected(_ wish: Wish) -> ClosedRange<Int> {
        let messages = world.ledger.transits.filter { $0.wish == wish.number && !$0.isRetry }
        // A message without an id that comes again is not told from its twin.
        let doubtful = wish.copies > 1 ? messages.count { $0.redeliveries > 0 } : 0
        return max(1, wish.copies - doubtful)...wish.copies
    }

    private func checkOutcome(of wish: Wish, _ book: EventBook) {
        let errors = book.count(wish.method.name, of: wish.requestID)
        let expected = expected(wish)
        guard let end = wish.method.endEvent else {
            if errors > expected.upperBound {
                world.violate(.oneOutcome, "wish \(wish.number) (\(wish.method.rawValue)) has \(errors) errors")
            }
            return
        }
        let ends = book.count(end, of: wish.requestID)
        let casts = wish.method == .run ? book.casts[wish.requestID, default: 0] : 0
        let starts = wish.method.startEvent.map { book.count($0, of: wish.requestID) } ?? ends
        // A cast that was on its way when it was taken back, or whose confirm was lost, is told of both ways.
        var slack = casts > 0 && errors > 0 && wish.mayGoBack ? 1 : 0
        // As nova does: tokens are forgotten after the end of a delete was told, and that they were not is told as well.
        let isDisturbed = world.ledger.disturbed.contains(wish.number)
        if wish.method == .terminate, temper.hasPeers, isDisturbed, ends == 1, errors == 1 { slack = 1 }
        let isPassedOn = wish.method == .terminate && world.ledger.passedOn.contains(wish.requestID)
        let total = ends + errors + casts + (isPassedOn ? 1 : 0)
        let words =
            "wish \(wish.number) (\(wish.method.rawValue)) has \(starts) starts, \(ends) ends, \(errors) errors, "
            + "\(casts) casts back; expected \(expected)"
        if total < expected.lowerBound || total > expected.upperBound + slack { world.violate(.oneOutcome, words) }
        if starts > expected.upperBound || ends > starts { world.violate(.oneOutcome, words) }
    }

    // MARK: Replies

    private func checkReply(to wish: Wish) {
        guard let id = wish.messageID else { return }
        let key = wish.form == .flat ? id : "reply_\(id)"
        var bodies: Set<[UInt8]> = []
        let frames = (world.ledger.received + world.ledger.returned).filter {
            $0.kind == .reply && $0.routingKey == key && bodies.insert($0.body).inserted
        }
        var finals = frames.count { Self.isFinal($0.body) }
        // One frame that nobody takes is the end of a reply: its caller is gone.
        if finals == 0, broker.goneCallers.contains(key), !frames.isEmpty { finals = 1 }
        let again = world.ledger.transits.filter { $0.wish == wish.number }.reduce(0) { $0 + $1.redeliveries }
        if wish.method.isJournaled || wish.method == .unknownMethod {
            let most = wish.method.isJournaled ? 1 : 1 + again
            if finals < 1 || finals > most {
                world.violate(.oneReply, "wish \(wish.number) (\(wish.method.rawValue)) got \(finals) replies")
            }
        } else if finals > 1 + again {
            world.violate(.oneReply, "wish \(wish.number) (\(wish.method.rawValue)) got \(finals) replies")
        } else if finals < 1, world.ledger.ends == 0, !world.mayLoseAnswers {
            world.violate(.oneReply, "wish \(wish.number) (\(wish.method.rawValue)) got no reply")
        }
    }

    /// Whether a frame is the last one of its reply.
    private static func isFinal(_ body: [UInt8]) -> Bool {
        guard let outer = try? JSONParser.parse(body) else { return false }
        let frame = outer["oslo.message"]?.string.flatMap { try? JSONParser.parse($0) } ?? outer
        return frame["ending"]?.bool == true || frame["failure"]?.string != nil
    }

    private func checkPutAside(_ wish: Wish) {
        guard wish.method == .malformed || wish.method == .unknownMethod && wish.messageID == nil else { return }
        let head = HeadMask.masked(Array(wish.body.prefix(4096)))
        let isThere = world.ledger.received.contains { $0.kind == .deadLetter && $0.body == head }
        if !isThere { world.violate(.putAside, "wish \(wish.number) is nowhere") }
    }

    // MARK: Events

    private func checkEvents(_ book: EventBook) {
        var last: [String: (sequence: Int64, type: String)] = [:]
        var numbers: [String: Set<Int64>] = [:]
        for event in book.dropped {
            if let key = event.key, let sequence = event.sequence { numbers[key, default: []].insert(sequence) }
        }
        for event in book.received {
            if let key = event.key, let sequence = event.sequence {
                if let before = last[key], before.sequence >= sequence {
                    world.violate(.eventOrder, "\(event.type) of \(key) came after \(before.type)")
                }
                last[key] = (sequence, event.type)
                if !numbers[key, default: []].insert(sequence).inserted {
                    world.violate(.sequence, "two events of \(key) have the number \(sequence)")
                }
            }
            guard let instance = event.instance else { continue }
            if event.sequence == nil { world.violate(.sequence, "\(event.type) of \(instance) has no number") }
            let isOff = event.state == "stopped" || event.state == "soft-delete"
            if isOff, let id = InstanceID(instance), world.ledger.stops[id] == nil,
                !world.ledger.wishes.contains(where: { $0.instance == id && $0.method.switchesOff })
            {
                world.violate(.unknownIsNotStopped, "\(event.type) calls \(instance) \(event.state ?? "")")
            }
        }
        checkNumbers(numbers)
    }

    /// Numbers begin with 1 and leave none out.
    private func checkNumbers(_ numbers: [String: Set<Int64>]) {
        for (key, found) in numbers.sorted(by: { $0.key < $1.key }) {
            guard let most = found.max(), Int64(found.count) != most else { continue }
            let missing = (1...most).filter { !found.contains($0) }
            world.violate(.sequence, "of \(most) events of \(key) these are missing: \(missing.prefix(5))")
        }
    }

    private func checkEffects(_ book: EventBook) {
        for wish in world.ledger.wishes {
            let isExcused =
                world.ledger.touched.contains(wish.instance) || world.ledger.disturbed.contains(wish.number)
            let effects = world.ledger.effects.filter { $0.wish == wish.number }
            if wish.method == .run {
                let spawns = effects.count { $0.operation == "spawn" }
                if spawns > 1, !isExcused { world.violate(.builtOnce, "wish \(wish.number) was built \(spawns) times") }
            }
            if wish.method.isMadeOnce {
                for (operation, count) in Dictionary(effects.map { ($0.operation, 1) }, uniquingKeysWith: +)
                    .sorted(by: { $0.key < $1.key })
                where count > expected(wish).upperBound && !isExcused {
                    world.violate(.builtOnce, "wish \(wish.number) had the effect \(operation) \(count) times")
                }
            }
            if wish.method.isReboot {
                let reboots = effects.count { $0.operation == "reboot" }
                let expected = expected(wish)
                if reboots > expected.upperBound, !isExcused {
                    world.violate(.rebootCount, "wish \(wish.number) made \(reboots) reboots")
                }
                let ends = book.count("compute.instance.reboot.end", of: wish.requestID)
                // What was told to have ended well was done; what failed is told as that, too.
                let errors = book.count(wish.method.name, of: wish.requestID)
                if reboots + errors < ends {
                    world.violate(
                        .rebootCount, "wish \(wish.number) made \(reboots) reboots, told \(ends) and \(errors) errors")
                }
            }
        }
    }
}

extension Wish.Method {
    var switchesOff: Bool { self == .stop || self == .powerOff }

    /// Whether the driver shows what came of it, so that a restart need not do it again.
    var isMadeOnce: Bool {
        switch self {
        case .pause, .unpause, .suspend, .resume, .rescue, .unrescue, .rebuild: true
        default: false
        }
    }
}
