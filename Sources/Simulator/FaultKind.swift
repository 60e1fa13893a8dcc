// SPDX-License-Identifier: Apache-2.0

/// What goes wrong in a simulated history.
public enum FaultKind: String, CaseIterable, Sendable, Hashable {
    // The worker and its host.
    case crash
    case powerCut = "power-cut"
    case gracefulStop = "graceful-stop"
    case operatorCancel = "operator-cancels"
    case clockJump = "clock-jump"
    case timerFirst = "timer-before-work"
    case taskCutOff = "periodic-task-cut-off"
    case taskFails = "periodic-task-fails"

    // The broker.
    case consumerConnectionLost = "consumer-connection-lost"
    case publisherConnectionLost = "publisher-connection-lost"
    case confirmLost = "confirm-lost"
    case publishRefused = "publish-refused"
    case outage = "broker-outage-of-hours"
    case memoryAlarm = "memory-alarm"
    case consumerCancelled = "consumer-cancelled"
    case halfOpen = "half-open-connection"
    case wrongPassword = "wrong-password"
    case changedTopology = "changed-topology"
    case secondWorker = "two-workers-with-one-host"
    case lockLingers = "host-lock-lingers"
    case startRefused = "start-refused-host-held"
    case holderNamed = "start-refused-holder-named"
    case refusalTold = "refusal-told-with-what-helps"
    case takenOver = "host-taken-over-while-cut-off"
    case redelivery
    case requestTooOld = "request-too-old"
    case clientRetry = "client-retry"
    case equalWishes = "two-equal-wishes"
    case malformedMessage = "malformed-message"
    case callerGone = "caller-gone"
    case listenersGone = "listeners-gone"
    case schedulerGone = "scheduler-gone"
    case buildHandedBack = "build-handed-back"

    // The hypervisor.
    case callFails = "driver-call-fails"
    case answerLost = "driver-answer-lost"
    case callHangs = "driver-call-hangs"
    case callSlow = "driver-call-slow"
    case hypervisorAway = "hypervisor-away"
    case lateEffect = "late-effect-after-crash"
    case startUnderWay = "start-under-way-after-crash"
    case imageMissing = "image-missing"
    case guestVanishes = "guest-vanishes"
    case guestStops = "guest-stops"
    case guestAppears = "guest-appears"
    case guestReturns = "deleted-guest-returns"

    // The services that it asks, and the other host.
    case serviceRefuses = "service-refuses"
    case serviceAway = "service-away"
    case serviceSlow = "service-slow"
    case serviceSilent = "service-silent"
    case serviceAnswerLost = "service-answer-lost"
    case serviceLate = "service-does-it-late"

    // The disk.
    case diskFull = "disk-full"
    case writeError = "disk-write-error"
    case syncError = "disk-sync-error"
    case readError = "disk-read-error"
    case flippedBit = "flipped-bit"
    case instancesFull = "instances-full"
    case newerJournal = "newer-journal"

    // The machine itself: worker, guests and what was under way go at once.
    case hostBoot = "host-boots"
}
