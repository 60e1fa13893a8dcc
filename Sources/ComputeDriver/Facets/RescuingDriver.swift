// SPDX-License-Identifier: Apache-2.0

/// Drivers that boot a guest from a rescue image, with its own disk as the second.
public protocol RescuingDriver: ComputeDriver {
    /// Stops the guest and boots it from the rescue image; success if it is rescued. Nova: `rescue`.
    func rescue(_ request: RescueRequest) async throws

    /// Boots the guest from its own disk again and removes what ``rescue(_:)`` made; success if it is not rescued.
    /// Nova: `unrescue`.
    func unrescue(_ request: GuestRequest) async throws
}
