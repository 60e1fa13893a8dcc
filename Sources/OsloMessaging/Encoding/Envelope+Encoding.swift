// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

extension Envelope {
    /// The bytes of a message in the form that its receiver reads.
    static func bytes(_ message: JSONObject, form: WireForm) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(2048)
        JSONWriter.append(message, to: &text)
        guard form == .enveloped else { return text }
        var output: [UInt8] = []
        output.reserveCapacity(text.count + text.count / 4 + 64)
        output.append(contentsOf: opening)
        text.withUnsafeBufferPointer { JSONWriter.appendQuoted($0, to: &output) }
        output.append(UInt8(ascii: "}"))
        return output
    }

    /// How every envelope of ours begins.
    private static let opening = Array("{\"\(versionKey)\":\"\(version)\",\"\(messageKey)\":".utf8)

    /// Names an event's number among its instance's: a header of this name, and a key of the envelope.
    ///
    /// oslo.messaging reads the two keys that it knows and passes over this one, so no listener sees a difference.
    static let sequenceKey = "x-instance-sequence"

    /// Puts the number beside the message in an envelope of ours; a body of another form stays as it is.
    ///
    /// Spliced in when it is sent: the number is drawn when the row is written, after the message was encoded.
    static func number(_ body: inout [UInt8], _ sequence: Int64) {
        guard body.starts(with: opening), body.last == UInt8(ascii: "}") else { return }
        body.removeLast()
        body.append(contentsOf: ",\"\(sequenceKey)\":\(sequence)}".utf8)
    }
}

extension JSONObject {
    /// Adds the context's keys with their prefix.
    mutating func append(_ context: RequestContext) {
        for member in context.fields.members {
            append(newKey: MessageDecoder.contextPrefix + member.key, member.value)
        }
    }
}
