// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// How notifications are written; each is what one of nova's notification drivers sends.
public enum NotificationForm: String, Sendable, Hashable, CaseIterable {
    /// Folsom's `rabbit_notifier`: one flat object.
    case flat
    /// oslo.messaging's `messaging`: the same with a `_unique_id`.
    case messaging
    /// oslo.messaging's `messagingv2`: the same in an envelope.
    case messagingV2 = "messagingv2"

    var wireForm: WireForm { self == .messagingV2 ? .enveloped : .flat }
    var hasUniqueID: Bool { self != .flat }
}
