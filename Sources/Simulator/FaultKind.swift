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

    // The broker.
    case consumerConnectionLost = "consumer-connection-lost"
    case publisherConnectionLost = "publisher-connection-lost"
    case confirmLost = "confirm-lost"
    case publishRefused = "publish-refused"
    case outage = "broker-outage-of-hours"
    case memoryAlarm = "memory-alarm"
    case consumerCancelled = "consumer-cancelled"
    case halfOpen = "half-open-connection"
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

    // The machine itself: worker, guests and what was under way go at once.
    case hostBoot = "host-boots"
}
