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
        output.append(contentsOf: "{\"\(versionKey)\":\"\(version)\",\"\(messageKey)\":".utf8)
        text.withUnsafeBufferPointer { JSONWriter.appendQuoted($0, to: &output) }
        output.append(UInt8(ascii: "}"))
        return output
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
