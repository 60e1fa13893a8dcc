// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// A row that the disk has damaged, set aside with what is left of its bytes; the rest of the store goes on without it.
public struct QuarantinedRow: Sendable, Hashable, Identifiable {
    /// What a row is of.
    public enum Source: String, Sendable, Hashable, CaseIterable {
        /// The record of an instance.
        case instance
        /// The record of a request, which ends as failed, with its error event and its reply; or of one that is done.
        case journal
        /// The message of a request, which ends with its error event and its reply.
        case body
        /// How far a request had come; it ends in the same way.
        case step
        /// An event, a reply or a cast that has not left.
        case outbox
        /// What an instance has claimed of the host; the next start claims it anew.
        case claim
        /// What was to be told of the use of an instance that is gone.
        case usage
        /// Something that was made outside for an instance.
        case resource

        /// Whether what is known of the instance can't be trusted without it.
        var closesInstance: Bool { self == .instance || self == .resource }
    }

    public let id: Int64
    public let source: Source
    /// The instance, where it is known.
    public let instance: InstanceID?
    /// Whether what is known of the instance can't be trusted any more: nothing but a delete is to be done for it.
    public let closesInstance: Bool
    /// What was found, in words for the operator.
    public let reason: String
    public let foundAt: Timestamp
}

/// Damage that a look at a row has shown.
struct DamageFinding: Sendable, Hashable {
    let source: QuarantinedRow.Source
    /// The place of the row in its table.
    let row: Int64
    let instance: InstanceID?
    var closesInstance = false
    let reason: String
}
