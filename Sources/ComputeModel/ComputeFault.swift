// SPDX-License-Identifier: Apache-2.0

/// Why an operation did not do what was asked, in the terms that a caller knows.
///
/// `OsloMessaging` gives each kind the exception class that a nova client re-raises.
public struct ComputeFault: Error, Sendable, Hashable {
    /// What sort of failure this is.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case instanceNotFound
        case instanceExists
        case invalid
        case imageNotFound
        case imageUnacceptable
        case imageTooLarge
        case computeResourcesUnavailable
        case unexpectedTaskState
        case instanceInvalidState
        case instanceTerminationFailure
        case instancePowerFailure
        case instanceRebootFailure
        case instancePasswordSetFailed
        case migrationFailure
        case consoleTypeInvalid
        case consoleNotAvailable
        case devicePathInUse
        case invalidDevicePath
        case volumeNotFound
        case networkNotFound
        case fixedIPNotFound
        case aggregateFailure
        /// The driver has no such operation; refused before any side effect.
        case unsupportedOperation
        case noSuchMethod
        case unsupportedVersion
        case badArguments
        /// The hypervisor or a peer can't be reached just now.
        case unavailable
        /// An answer did not come within its deadline; whether the work was done is not known.
        case timeout
        /// Given up because a later request, such as a delete, took its place.
        case superseded
        /// Given up because the operator of the host said so.
        case cancelled
        /// It waited longer than its kind of request may, and was not begun.
        case expired
        case hypervisorFailure
        case storeFailure
        case internalError
    }

    public let kind: Kind
    /// What happened and what to do, in a sentence; never holds a secret or a path of the host.
    public let message: String
    public let instance: InstanceID?
    /// The values that the exception's own format string names (`instance_id`, `version`, …).
    public let arguments: JSONObject
    /// Whether the same request may succeed later or elsewhere.
    public let isRetriable: Bool

    public init(
        _ kind: Kind, _ message: String, instance: InstanceID? = nil, arguments: JSONObject = JSONObject(),
        isRetriable: Bool? = nil
    ) {
        self.kind = kind
        self.message = message
        self.instance = instance
        self.arguments = arguments
        self.isRetriable = isRetriable ?? kind.isRetriable
    }
}

extension ComputeFault.Kind {
    /// Whether trying again can help, unless the one who throws knows better.
    public var isRetriable: Bool {
        switch self {
        case .computeResourcesUnavailable, .unavailable, .timeout, .hypervisorFailure, .storeFailure: true
        default: false
        }
    }
}

extension ComputeFault: CustomStringConvertible {
    public var description: String { instance.map { "\(message) [instance \($0)]" } ?? message }
}

extension ComputeFault {
    /// A request that can't be right, whoever serves it.
    public static func invalid(_ message: String, instance: InstanceID? = nil) -> ComputeFault {
        ComputeFault(.invalid, message, instance: instance, arguments: ["reason": .string(message)])
    }

    /// Nobody here knows the instance.
    public static func instanceNotFound(_ id: InstanceID) -> ComputeFault {
        ComputeFault(
            .instanceNotFound, "Instance \(id) could not be found.", instance: id,
            arguments: ["instance_id": .string(id.description), "code": 404])
    }

    /// The driver has no such operation.
    public static func unsupported(
        _ operation: String, by driver: String, instance: InstanceID? = nil
    ) -> ComputeFault {
        ComputeFault(
            .unsupportedOperation, "The \(driver) driver does not support \(operation).", instance: instance)
    }
}
