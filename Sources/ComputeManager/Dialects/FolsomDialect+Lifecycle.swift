// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

extension FolsomDialect {
    /// From the build to the end, on and off.
    static let lifecycle: [any MethodBinding] = [
        Binding(
            "run_instance", since: first, RunInstance.self,
            parameters: [
                .instance, Parameter("request_spec", .object), Parameter("filter_properties", .object),
                Parameter("requested_networks", .array), Parameter("injected_files", .array, isSecret: true),
                Parameter("admin_password", .string, isSecret: true), Parameter("is_first_time", .boolean),
            ], decode: runInstance),
        Binding(
            "reboot_instance", since: first, RebootInstance.self,
            parameters: [.instance, Parameter("reboot_type", .string)], decode: rebootInstance),
        Binding("terminate_instance", since: first, TerminateInstance.self, decode: instance),
        Binding("start_instance", since: first, StartInstance.self, decode: instance),
        Binding("stop_instance", since: first, StopInstance.self, decode: instance),
        Binding("power_on_instance", since: first, PowerOnInstance.self, decode: instance),
        Binding("power_off_instance", since: first, PowerOffInstance.self, decode: instance),
    ]

    @Sendable
    private static func runInstance(_ reader: inout ArgumentReader) throws(ComputeFault) -> RunInstance.Arguments {
        RunInstance.Arguments(
            instance: try reader.instance(), requestSpec: try reader.object("request_spec"),
            filterProperties: try reader.object("filter_properties"),
            requestedNetworks: try reader.requestedNetworks(), injectedFiles: try reader.injectedFiles(),
            adminPassword: try reader.string("admin_password").map { Secret($0) },
            isFirstTime: try reader.bool("is_first_time", default: false))
    }

    @Sendable
    private static func rebootInstance(_ reader: inout ArgumentReader) throws(ComputeFault) -> RebootInstance.Arguments
    {
        let text = try reader.string("reboot_type") ?? RebootType.soft.rawValue
        guard let type = RebootType(rawValue: text) else {
            throw reader.fault("argument 'reboot_type' must be SOFT or HARD")
        }
        return RebootInstance.Arguments(instance: try reader.instance(), type: type)
    }
}
