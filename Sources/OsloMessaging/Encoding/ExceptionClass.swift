// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// The Python class that stands for a fault, and what it is called with.
struct ExceptionClass {
    let module: String
    let name: String
    let keywords: JSONObject
    /// The text that the real server of that form gives; nil takes the fault's own.
    let message: String?

    private static let nova = "nova.exception"
    private static let dispatcher = "oslo_messaging.rpc.dispatcher"
    private static let folsomRPC = "nova.openstack.common.rpc.common"
    private static let kindKey = "kind"

    private init(_ module: String, _ name: String, _ keywords: JSONObject = JSONObject(), message: String? = nil) {
        self.module = module
        self.name = name
        self.keywords = keywords
        self.message = message
    }

    /// One of Python's own classes; they take no keyword argument.
    private static func builtin(_ name: String, _ form: WireForm, message: String? = nil) -> ExceptionClass {
        ExceptionClass(form == .flat ? "exceptions" : "builtins", name, message: message)
    }

    /// A class of nova's, with the values that its format string names and its HTTP code.
    private static func nova(
        _ name: String, _ fault: ComputeFault, code: Int = 500, _ values: (key: String, value: JSONValue)...
    ) -> ExceptionClass {
        var keywords = JSONObject()
        for (key, value) in values { keywords[key] = fault.arguments[key] ?? value }
        keywords["code"] = .number(JSONNumber(code))
        return ExceptionClass(nova, name, keywords)
    }

    static func of(_ fault: ComputeFault, for form: WireForm) -> ExceptionClass {
        let reason = JSONValue.string(fault.message)
        let instance = JSONValue(fault.instance?.description ?? "")
        switch fault.kind {
        case .instanceNotFound: return nova("InstanceNotFound", fault, code: 404, ("instance_id", instance))
        case .instanceExists: return nova("InstanceExists", fault, ("name", instance))
        case .invalid: return nova("Invalid", fault, code: 400, ("reason", reason))
        case .imageNotFound: return nova("ImageNotFound", fault, code: 404, ("image_id", ""))
        case .imageUnacceptable:
            return nova("ImageUnacceptable", fault, code: 400, ("image_id", ""), ("reason", reason))
        case .imageTooLarge:
            return form == .flat
                ? nova("ImageTooLarge", fault)
                : nova("FlavorDiskSmallerThanImage", fault, ("flavor_size", 0), ("image_size", 0))
        case .computeResourcesUnavailable:
            return nova(
                "ComputeResourcesUnavailable", fault, code: form == .flat ? 500 : 400, ("reason", reason))
        case .unexpectedTaskState:
            return form == .flat
                ? nova("UnexpectedTaskStateError", fault, ("expected", nil), ("actual", nil))
                : nova(
                    "UnexpectedTaskStateError", fault, ("instance_uuid", instance), ("expected", nil),
                    ("actual", nil))
        case .instanceInvalidState:
            return nova(
                "InstanceInvalidState", fault, code: 400, ("instance_uuid", instance), ("attr", "vm_state"),
                ("state", ""), ("method", ""))
        case .instanceTerminationFailure:
            return nova("InstanceTerminationFailure", fault, code: 400, ("reason", reason))
        case .instancePowerFailure:
            let isOn = fault.arguments["power"]?.string == "on"
            return nova(
                isOn ? "InstancePowerOnFailure" : "InstancePowerOffFailure", fault, code: 400, ("reason", reason))
        case .instanceRebootFailure: return nova("InstanceRebootFailure", fault, code: 400, ("reason", reason))
        case .instancePasswordSetFailed:
            return nova("InstancePasswordSetFailed", fault, ("instance", instance), ("reason", reason))
        case .migrationFailure: return nova("MigrationError", fault, ("reason", reason))
        case .consoleTypeInvalid: return nova("ConsoleTypeInvalid", fault, code: 400, ("console_type", ""))
        case .consoleNotAvailable:
            return form == .flat
                ? nova("ConsoleNotFoundForInstance", fault, code: 404, ("instance_uuid", instance))
                : nova("ConsoleNotAvailable", fault, code: 404)
        case .devicePathInUse: return nova("DevicePathInUse", fault, code: 409, ("path", ""))
        case .invalidDevicePath: return nova("InvalidDevicePath", fault, code: 400, ("path", ""))
        case .volumeNotFound: return nova("VolumeNotFound", fault, code: 404, ("volume_id", ""))
        case .networkNotFound: return nova("NetworkNotFound", fault, code: 404, ("network_id", ""))
        case .fixedIPNotFound:
            return nova("FixedIpNotFoundForInstance", fault, code: 404, ("instance_uuid", instance))
        case .aggregateFailure:
            return nova("AggregateError", fault, ("aggregate_id", ""), ("action", ""), ("reason", reason))
        case .unavailable: return nova("ServiceUnavailable", fault, code: 400, ("reason", reason))
        case .unsupportedOperation: return builtin("NotImplementedError", form)
        case .badArguments: return builtin("TypeError", form)
        case .noSuchMethod: return noSuchMethod(fault, form)
        case .unsupportedVersion: return unsupportedVersion(fault, form)
        case .timeout, .superseded, .cancelled, .expired, .hypervisorFailure, .storeFailure, .internalError:
            // Nova's base class takes any keyword; our own client reads the kind back.
            return nova(
                "NovaException", fault, (kindKey, .string(fault.kind.rawValue)), ("reason", reason))
        }
    }

    private static func noSuchMethod(_ fault: ComputeFault, _ form: WireForm) -> ExceptionClass {
        let method = fault.arguments["method"]?.string
        switch form {
        case .flat:
            return builtin("AttributeError", form, message: method.map { "No such RPC function '\($0)'" })
        case .enveloped:
            return ExceptionClass(
                dispatcher, "NoSuchMethod", message: method.map { "Endpoint does not support RPC method \($0)" })
        }
    }

    private static func unsupportedVersion(_ fault: ComputeFault, _ form: WireForm) -> ExceptionClass {
        guard let version = fault.arguments["version"]?.string else {
            return form == .flat
                ? ExceptionClass(folsomRPC, "UnsupportedRpcVersion", ["version": ""])
                : ExceptionClass(dispatcher, "UnsupportedVersion")
        }
        // Nova's servers let Python's own complaint about a version that is none through to the caller.
        switch RPCVersion(fault).verdict(on: version) {
        case .notANumber(let part):
            return builtin("ValueError", form, message: "invalid literal for int() with base 10: '\(part)'")
        case .noMinor: return builtin("IndexError", form, message: "list index out of range")
        default: break
        }
        switch form {
        case .flat:
            return ExceptionClass(
                folsomRPC, "UnsupportedRpcVersion", ["version": .string(version)],
                message: "Specified RPC version, \(version), not supported by this endpoint.")
        case .enveloped:
            let method = fault.arguments["method"]?.string
            return ExceptionClass(
                dispatcher, "UnsupportedVersion",
                message: "Endpoint does not support RPC version \(version)."
                    + (method.map { " Attempted method: \($0)" } ?? ""))
        }
    }

    /// The kind of fault that a class stands for; nil for a class that none of ours is.
    static func kind(name: String, module: String, keywords: JSONObject) -> ComputeFault.Kind? {
        switch module {
        case nova, "nova.openstack.common.exception":
            if name == "NovaException" {
                return keywords[kindKey]?.string.flatMap(ComputeFault.Kind.init(rawValue:)) ?? .internalError
            }
            return novaKinds[name]
        case "exceptions", "builtins": return builtinKinds[name]
        case dispatcher, folsomRPC: return dispatchKinds[name]
        default: return nil
        }
    }

    private static let novaKinds: [String: ComputeFault.Kind] = [
        "InstanceNotFound": .instanceNotFound, "InstanceExists": .instanceExists, "Invalid": .invalid,
        "ImageNotFound": .imageNotFound, "ImageUnacceptable": .imageUnacceptable, "ImageTooLarge": .imageTooLarge,
        "FlavorDiskSmallerThanImage": .imageTooLarge, "ComputeResourcesUnavailable": .computeResourcesUnavailable,
        "UnexpectedTaskStateError": .unexpectedTaskState, "InstanceInvalidState": .instanceInvalidState,
        "InstanceTerminationFailure": .instanceTerminationFailure, "InstancePowerOnFailure": .instancePowerFailure,
        "InstancePowerOffFailure": .instancePowerFailure, "InstanceRebootFailure": .instanceRebootFailure,
        "ServiceUnavailable": .unavailable, "InstancePasswordSetFailed": .instancePasswordSetFailed,
        "ConsoleNotFoundForInstance": .consoleNotAvailable, "ConsoleNotAvailable": .consoleNotAvailable,
        "AggregateError": .aggregateFailure, "MigrationError": .migrationFailure, "ConsoleTypeInvalid": .consoleTypeInvalid,
        "DevicePathInUse": .devicePathInUse, "InvalidDevicePath": .invalidDevicePath,
        "VolumeNotFound": .volumeNotFound, "InvalidVolume": .invalid, "NetworkNotFound": .networkNotFound,
        "NetworkNotFoundForProject": .networkNotFound, "NetworkNotFoundForUUID": .networkNotFound,
        "NoNetworksFound": .networkNotFound, "FixedIpNotFoundForInstance": .fixedIPNotFound,
        "FixedIpNotFoundForAddress": .fixedIPNotFound, "FixedIpNotFoundForNetwork": .fixedIPNotFound,
        "FixedIpAlreadyInUse": .invalid, "FixedIpInvalid": .invalid,
        // Another host's network may have some.
        "NoMoreFixedIps": .computeResourcesUnavailable, "FixedIpLimitExceeded": .computeResourcesUnavailable,
    ]

    private static let builtinKinds: [String: ComputeFault.Kind] = [
        "NotImplementedError": .unsupportedOperation, "TypeError": .badArguments, "KeyError": .badArguments,
        "AttributeError": .noSuchMethod, "ValueError": .badArguments, "IndexError": .badArguments,
    ]

    private static let dispatchKinds: [String: ComputeFault.Kind] = [
        "NoSuchMethod": .noSuchMethod, "UnsupportedVersion": .unsupportedVersion,
        "UnsupportedRpcVersion": .unsupportedVersion,
    ]
}

extension RPCVersion {
    /// The server's version that refused a request, as ``RPCVersion/fault(for:method:)`` noted it; where nobody noted
    /// one, a version that refuses only what can't be read.
    fileprivate init(_ fault: ComputeFault) {
        func parts(_ key: String) -> [Int?] {
            (fault.arguments[key]?.string ?? "").split(separator: ".").map { Int($0) }
        }
        let supported = parts("supported").compactMap { $0 }
        if supported.count == 2 {
            self.init(supported[0], supported[1])
        } else {
            self.init((parts("version").first ?? nil) ?? 0, .max)
        }
    }
}
