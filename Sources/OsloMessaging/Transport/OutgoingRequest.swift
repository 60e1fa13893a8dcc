// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// A method that we ask others to run.
public struct OutgoingRequest: Sendable {
    public var method: String
    /// Nil leaves the key out.
    public var version: String?
    public var namespace: String?
    public var arguments: JSONObject
    public var context: RequestContext

    public init(
        method: String, version: String?, namespace: String? = nil, arguments: JSONObject = JSONObject(),
        context: RequestContext
    ) {
        self.method = method
        self.version = version
        self.namespace = namespace
        self.arguments = arguments
        self.context = context
    }
}

extension OutgoingRequest: CustomStringConvertible {
    /// Method and version only: arguments may hold secrets.
    public var description: String { version.map { "\(method) \($0)" } ?? method }
}
