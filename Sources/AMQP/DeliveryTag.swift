// SPDX-License-Identifier: Apache-2.0

/// Names a delivery to its consumer, for an acknowledgement.
///
/// Tags count anew on each connection. A tag of an earlier one is dropped without a word: the broker has queued
/// that message again.
public struct DeliveryTag: Sendable, Hashable {
    /// Counts the connections of one consumer, from 1.
    public let generation: UInt32
    /// The broker's tag, from 1 in each generation.
    public let value: UInt64

    public init(generation: UInt32, value: UInt64) {
        self.generation = generation
        self.value = value
    }
}
