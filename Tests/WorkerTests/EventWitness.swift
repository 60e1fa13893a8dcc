// SPDX-License-Identifier: Apache-2.0

/// The tests that have events told and hold their payloads against schemas/payloads.
enum EventWitness: CaseIterable {
    /// `MethodTests`: whatever a worker without peers tells.
    case served
    /// `PeerTests`: with a network service.
    case addressed
    /// `TwoHostTests`: a resize that is confirmed.
    case confirmed
    /// `TwoHostTests`: a resize that is taken back.
    case reverted

    /// The events that the test must have seen; one without prefix is that of a method that failed.
    var events: [String] {
        switch self {
        case .served:
            Self.both(["create", "delete", "power_off", "power_on", "reboot", "rebuild", "shutdown", "snapshot"])
                + Self.named(["exists", "resume", "suspend", "update"]) + ["prep_resize"]
        case .addressed: Self.both(["create_ip", "delete_ip"])
        case .confirmed: Self.both(["finish_resize", "resize", "resize.confirm", "resize.prep"])
        case .reverted: Self.both(["resize.revert"])
        }
    }

    private static func both(_ events: [String]) -> [String] {
        named(events.flatMap { ["\($0).start", "\($0).end"] })
    }

    private static func named(_ events: [String]) -> [String] { events.map { "compute.instance.\($0)" } }
}
