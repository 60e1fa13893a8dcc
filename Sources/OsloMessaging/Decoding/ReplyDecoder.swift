// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// One frame of an answer to a call of ours.
public struct ReplyFrame: Sendable {
    /// Which call is answered; nil in Folsom's form, where the exchange says it.
    public let messageID: String?
    public let result: JSONValue
    public let failure: RemoteException?
    /// Whether no other frame follows. A failure in Folsom's form ends the answer without saying so.
    public let isEnding: Bool

    /// Reads a frame of either form.
    public init(_ body: [UInt8], limits: JSONLimits = JSONLimits()) throws(MalformedMessage) {
        let (form, object) = try MessageDecoder(limits: limits).object(body)
        guard let result = object["result"], let failure = object["failure"] else {
            throw MalformedMessage(.badField, "a reply must hold 'result' and 'failure'", form: form)
        }
        messageID = object["_msg_id"]?.string
        self.result = result
        self.failure = failure.isNull ? nil : RemoteException(failure: failure)
        isEnding = object["ending"]?.bool ?? (form == .flat && !failure.isNull)
    }
}
