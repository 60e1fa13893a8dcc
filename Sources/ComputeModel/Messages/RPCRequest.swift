// SPDX-License-Identifier: Apache-2.0

/// The generation of the wire in which a message is written; recognised per message.
public enum WireForm: String, Sendable, Hashable {
    /// One flat JSON object, as Folsom's nova sends it.
    case flat
    /// oslo.messaging's envelope 2.0 around such an object.
    case enveloped
}

/// Where and in which form the caller of a method waits for its reply.
public enum ReplyAddress: Sendable, Hashable {
    /// Folsom's form: an exchange and queue named by the message id; two frames on success, one on failure.
    case messageID(String)
    /// oslo.messaging's form: one enveloped frame to a reply queue of the caller's.
    ///
    /// - Parameter heartbeat: the caller's call-monitor time-out in seconds; while the call runs, a frame every half of
    ///   it.
    case replyQueue(name: String, messageID: String, heartbeat: Int?)
}

/// A method call or cast, freed from its wire form.
public struct RPCRequest: Sendable {
    public let form: WireForm
    /// The wire name of the method.
    public let method: String
    /// The RPC version that the sender asks for; "1.0" where it says none.
    public let version: String
    public let namespace: String?
    public let arguments: JSONObject
    public let context: RequestContext
    /// Where to reply; nil for a cast.
    public let reply: ReplyAddress?
    /// The sender's id of the message (`_unique_id`); Folsom's casts have none.
    public let uniqueID: String?

    public init(
        form: WireForm, method: String, version: String, namespace: String? = nil, arguments: JSONObject,
        context: RequestContext, reply: ReplyAddress? = nil, uniqueID: String? = nil
    ) {
        self.form = form
        self.method = method
        self.version = version
        self.namespace = namespace
        self.arguments = arguments
        self.context = context
        self.reply = reply
        self.uniqueID = uniqueID
    }
}

extension RPCRequest: CustomStringConvertible {
    /// Method and version only: arguments may hold secrets.
    public var description: String { "\(method) \(version)" }
}
