// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// What the notification of a failed method says: nova's keys without nova's leaks.
enum ErrorPayload {
    /// - Parameter arguments: the keyword arguments of the RPC as they came; secrets in them are masked.
    static func payload(of fault: ComputeFault, arguments: JSONObject, host: String, context: RequestContext)
        -> JSONValue
    {
        var payload = SecretMask.masked(arguments)
        // Nova dumps its manager and the context here, the configuration with its passwords among them.
        payload["args"] = [
            ["host": .string(host)], .object(SecretMask.masked(context.redacted().fields)),
        ]
        payload["exception"] = exception(fault)
        return .object(payload)
    }

    /// Nova's exceptions show the values of their message's format; ours adds kind and message, which nova left out.
    private static func exception(_ fault: ComputeFault) -> JSONValue {
        [
            "kwargs": .object(SecretMask.masked(fault.arguments)), "kind": .string(fault.kind.rawValue),
            "message": .string(fault.message),
        ]
    }
}
