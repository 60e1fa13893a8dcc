// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// The name of a service that a worker may ask, as traces and metrics tell it.
public enum PeerName: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    case network
    case volumes = "volume"
    case consoleTokens = "consoleauth"
    case computes = "compute"

    public var description: String { rawValue }
}

/// A port behind which there is nobody to wait for: its calls are made without time-out, trace and measure.
public protocol AnsweredHere {}

/// The services of a deployment that a worker asks, each answered by a peer or on this host.
///
/// Calls throw ``ComputeFault``: `timeout` where nobody answered in time (whether it was done is not known),
/// `unavailable` where it could not be sent, else what the peer said. A call whose task is cancelled returns soon.
public struct Peers: Sendable {
    public var network: any NetworkPort { didSet { note(.network, network) } }
    public var volumes: any VolumePort { didSet { note(.volumes, volumes) } }
    public var consoleTokens: any ConsoleTokenPort { didSet { note(.consoleTokens, consoleTokens) } }
    public var computes: any ComputePort { didSet { note(.computes, computes) } }
    /// Those that others answer.
    public private(set) var asked: Set<PeerName> = []

    public init(
        network: any NetworkPort, volumes: any VolumePort, consoleTokens: any ConsoleTokenPort,
        computes: any ComputePort
    ) {
        self.network = network
        self.volumes = volumes
        self.consoleTokens = consoleTokens
        self.computes = computes
        note(.network, network)
        note(.volumes, volumes)
        note(.consoleTokens, consoleTokens)
        note(.computes, computes)
    }

    private mutating func note(_ name: PeerName, _ port: Any) {
        if port is any AnsweredHere { asked.remove(name) } else { asked.insert(name) }
    }

    /// Needs nobody: no networks, no volumes, no tokens to forget, and no other computes.
    public static let none = Peers(
        network: NoNetwork(), volumes: NoVolumes(), consoleTokens: NoConsoleTokens(), computes: NoComputes())
}

extension ComputeFault {
    /// Nobody answered a call to another service; whether it was done is not known.
    public static func noAnswer(
        of peer: PeerName, to method: String, within limit: Duration, instance: InstanceID? = nil
    ) -> ComputeFault {
        let text =
            "The \(peer) service did not answer \(method) within \(limit.components.seconds) s; whether it was done "
            + "is not known."
        return ComputeFault(.timeout, text, instance: instance, arguments: ["reason": .string(text)])
    }
}
