// SPDX-License-Identifier: Apache-2.0

/// What must hold in and after every history.
public enum Invariant: String, CaseIterable, Sendable, Hashable {
    case oneThread = "everything runs on the simulation's thread"
    case endsQuiet = "with the faults gone, all work comes to its end"
    case staysUp = "the worker ends only when it is told to, or when its disk is beyond use"
    case resourcesWrittenDown = "what stands on the host stands in the journal (I1)"
    case everyGuestOwned = "no guest without an owner's row (I2)"
    case oneOutcome = "each accepted request has exactly one terminal outcome (I3)"
    case noSecrets = "no secret in an event, a log line or a dead letter (I6)"
    case builtOnce = "nothing is built twice"
    case healthyGuest = "a healthy guest is not hurt"
    case rebootCount = "as many reboots as wishes"
    case eventOrder = "the events of an instance come in order"
    case sequence = "the numbers of an instance's events have no gap"
    case oneReply = "each call has one reply"
    case putAside = "what can't be taken in is put aside or answered"
    case emptyAtEnd = "nothing is left over: outbox, journal, resources"
    case refusedUntouched = "a journal of a newer version is refused in words and left as it is"
    case deletedStaysDeleted = "a guest that comes back after its delete is removed where the operator wants it"
    case usageOnce = "the usage of an instance in a period is told once"
    case clearRefusal = "what the broker refuses is told with what helps, and tried again slowly"
    case oneWorker = "a worker whose host another one serves touches nothing and names that one"
    case unknownIsNotStopped = "unknown is never read as stopped"
    case oneCallAtATime = "one call at a time for each guest"
    case servicesInStep = "what the services hold is held for an instance that is there, once"
    case claimsAreLive = "claims are the sum of live instances (I4)"
    case oneHost = "a guest is on one host, which knows that it has it"
    case knownStep = "what is taken up again is a step of the table"
    case trueState = "rows say what the hypervisor says"
}

/// An invariant that did not hold.
public struct Violation: Sendable, Hashable, CustomStringConvertible {
    public let invariant: Invariant
    public let text: String

    public var description: String { "\(invariant.rawValue): \(text)" }
}
