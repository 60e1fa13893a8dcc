// SPDX-License-Identifier: Apache-2.0

/// The services of a deployment that a worker asks, each answered by a peer or on this host.
///
/// Calls throw ``ComputeFault``: `timeout` where nobody answered in time (whether it was done is not known),
/// `unavailable` where it could not be sent, else what the peer said.
public struct Peers: Sendable {
    public var network: any NetworkPort
    public var volumes: any VolumePort
    public var consoleTokens: any ConsoleTokenPort
    public var computes: any ComputePort

    public init(
        network: any NetworkPort, volumes: any VolumePort, consoleTokens: any ConsoleTokenPort,
        computes: any ComputePort
    ) {
        self.network = network
        self.volumes = volumes
        self.consoleTokens = consoleTokens
        self.computes = computes
    }

    /// Needs nobody: no networks, no volumes, no tokens to forget, and no other computes.
    public static let none = Peers(
        network: NoNetwork(), volumes: NoVolumes(), consoleTokens: NoConsoleTokens(), computes: NoComputes())
}
