// SPDX-License-Identifier: Apache-2.0

/// Something that must exist on the broker before a message is published.
public enum Declaration: Sendable, Hashable {
    case exchange(Exchange)
    case queue(Queue)
    case binding(Binding)
}
