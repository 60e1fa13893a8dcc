// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// Folsom's compute RPC, version 2.2, with plain primitives.
public enum FolsomDialect {
    /// The version that most of the methods are there since.
    static let first = RPCVersion(2, 0)

    public static let table = DialectTable(
        name: "nova-compute 2.2 (Folsom)", version: RPCVersion(2, 2),
        bindings: lifecycle + guests + moves + devices + host + reads,
        own: [Binding("resume_state_on_host_boot", since: first, ResumeStateOnHostBoot.self, decode: instance)])

    @Sendable
    static func instance(_ reader: inout ArgumentReader) throws(ComputeFault) -> InstanceArguments {
        InstanceArguments(instance: try reader.instance())
    }
}
