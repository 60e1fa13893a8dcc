// SPDX-License-Identifier: Apache-2.0

/// Who asks, and under which request id: the `_context_*` keys of a message, without that prefix.
///
/// Kept whole, because every message that is sent while serving a request echoes the keys it came with.
public struct RequestContext: Sendable, Hashable {
    /// All keys as they came; may hold a token, so this type prints only the request id.
    public private(set) var fields: JSONObject

    public init(fields: JSONObject) { self.fields = fields }

    /// A context for what the worker does by itself: no user, no project, administrator.
    ///
    /// - Parameter moment: when it began; nil for what nobody else hears of.
    public static func admin(requestID: String, at moment: Timestamp? = nil) -> RequestContext {
        RequestContext(fields: [
            "user_id": nil, "project_id": nil, "is_admin": true, "read_deleted": "no", "roles": [],
            "remote_address": nil, "timestamp": JSONValue(moment?.iso), "request_id": .string(requestID),
            "auth_token": nil, "quota_class": nil, "user_name": nil, "service_catalog": nil, "project_name": nil,
            "instance_lock_checked": false,
        ])
    }

    /// The id that ties all work for one API request together (`req-…`).
    public var requestID: String? { fields["request_id"]?.string }
    public var projectID: String? { fields["project_id"]?.string ?? fields["tenant"]?.string }
    public var userID: String? { fields["user_id"]?.string ?? fields["user"]?.string }
    /// When the request was made, by the clock of who took it from the user.
    public var timestamp: Timestamp? { fields["timestamp"]?.string.flatMap { Timestamp($0) } }
    public var authToken: Secret<String>? { fields["auth_token"]?.string.map { Secret($0) } }

    /// The same context with the rights of an administrator (nova's `elevated()`).
    public func elevated() -> RequestContext {
        var context = self
        context.fields["is_admin"] = true
        var roles = fields["roles"]?.array ?? []
        if !roles.contains("admin") { roles.append("admin") }
        context.fields["roles"] = .array(roles)
        return context
    }

    /// The same context without its token and without the catalog of the user's endpoints: the form that events carry.
    public func redacted() -> RequestContext {
        var context = self
        if fields["service_catalog"]?.array?.isEmpty == false { context.fields["service_catalog"] = [] }
        if fields["auth_token"] != nil { context.fields["auth_token"] = .null }
        return context
    }
}

extension RequestContext: CustomStringConvertible {
    public var description: String { requestID ?? "no request id" }
}
