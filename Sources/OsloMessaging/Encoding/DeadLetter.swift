// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// What is kept of a message that can't be taken in.
public enum DeadLetter {
    /// Bytes of the message that are kept.
    public static let headSize = 4096

    /// The word that says why (`MalformedMessage.Reason`).
    public static let reasonHeader = "x-reason"
    /// What is wrong, in a sentence that quotes nothing of the message.
    public static let detailHeader = "x-detail"
    /// The bytes that the message had.
    public static let sizeHeader = "x-size"

    private static let detailSize = 500

    /// The beginning of a message, its size and the reason, for the queue of dead letters.
    ///
    /// - Parameter queue: ``RPCTopology/deadLetterQueue(_:server:)``.
    public static func encode(
        _ head: [UInt8], size: Int, fault: MalformedMessage, queue: String
    ) -> EncodedMessage {
        EncodedMessage(
            exchange: "", routingKey: queue, isMandatory: true, body: Array(head.prefix(headSize)),
            headers: [
                reasonHeader: fault.reason.rawValue, detailHeader: String(fault.detail.prefix(detailSize)),
                sizeHeader: String(size),
            ])
    }
}
