// SPDX-License-Identifier: Apache-2.0

@testable import ComputeManager
import ComputeModel
import Foundation
import Testing

@Suite("Operations, their files and the dialects agree")
struct OperationTableTests {
    @Test("Each file in Operations/ holds one operation of the table, and none is missing")
    func files() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Sources/ComputeManager/Operations")
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".swift") }
            .map { URL(fileURLWithPath: $0).deletingPathExtension().lastPathComponent }.filter { !$0.contains("+") }
        #expect(files.sorted() == OperationTable.all.map { String(describing: $0) }.sorted())
    }

    @Test("Names are unique and lead back to their operation")
    func names() {
        #expect(Set(OperationTable.all.map { $0.name }).count == OperationTable.all.count)
        for operation in OperationTable.all {
            #expect(
                OperationTable.operation(operation.name).map { ObjectIdentifier($0) } == ObjectIdentifier(operation))
            #expect(!operation.summary.isEmpty)
            #expect(operation.isReadOnly == (operation is any ReadOnlyOperation.Type))
        }
        #expect(OperationTable.operation(OperationName(rawValue: "no_such_operation")) == nil)
    }

    /// Nova's rpcapi of Folsom, 2.0 to 2.2; journals hold these names, so none may change.
    private static let stableNames: Set<String> = [
        "add_aggregate_host", "add_fixed_ip_to_instance", "attach_volume", "change_instance_metadata",
        "check_can_live_migrate_destination", "check_can_live_migrate_source", "confirm_resize", "detach_volume",
        "finish_resize", "finish_revert_resize", "get_console_output", "get_console_pool_info", "get_console_topic",
        "get_diagnostics", "get_host_uptime", "get_vnc_console", "host_maintenance_mode", "host_power_action",
        "inject_file", "inject_network_info", "live_migration", "pause_instance",
        "post_live_migration_at_destination", "power_off_instance", "power_on_instance", "pre_live_migration",
        "prep_resize", "reboot_instance", "rebuild_instance", "refresh_instance_security_rules",
        "refresh_provider_fw_rules", "refresh_security_group_members", "refresh_security_group_rules",
        "remove_aggregate_host", "remove_fixed_ip_from_instance", "remove_volume_connection", "rescue_instance",
        "reserve_block_device_name", "reset_network", "resize_instance", "resume_instance", "revert_resize",
        "rollback_live_migration_at_destination", "run_instance", "set_admin_password", "set_host_enabled",
        "snapshot_instance", "start_instance", "stop_instance", "suspend_instance", "terminate_instance",
        "unpause_instance", "unrescue_instance", "validate_console_port",
    ]

    /// The driver's method, which nova's manager calls by itself.
    private static let ownNames: Set<String> = ["resume_state_on_host_boot"]

    @Test("The stable names are those that journals hold")
    func stable() {
        #expect(Self.stableNames.count == 54)
        #expect(Set(OperationTable.all.map { $0.name.rawValue }) == Self.stableNames.union(Self.ownNames))
    }

    @Test("Folsom's dialect has a method for every operation, each once, but for those of the worker's own")
    func dialect() {
        let methods = FolsomDialect.table.methods
        #expect(Set(methods.map(\.method)) == Self.stableNames && methods.count == Self.stableNames.count)
        let own = FolsomDialect.table.ownMethods
        #expect(own.map(\.method) == Self.ownNames.sorted())
        #expect(Set((methods + own).map(\.operation)) == Set(OperationTable.all.map { $0.name }))
    }

    private func route(_ method: String, _ version: String, namespace: String? = nil) -> RequestRoute {
        FolsomDialect.table.route(
            MessageSummary(form: .flat, method: method, version: version, namespace: namespace))
    }

    @Test("Versions up to 2.2 are served; nova reads two parts and no more", arguments: ["2.0", "2.1", "2.2", "2.0.1"])
    func served(_ version: String) {
        #expect(
            route("run_instance", version) == .operation(OperationName(rawValue: "run_instance"), isReadOnly: false))
        #expect(
            route("get_console_output", version)
                == .operation(OperationName(rawValue: "get_console_output"), isReadOnly: true))
    }

    @Test(
        "Other versions are refused before the method is looked at",
        arguments: [
            "1.0", "2.3", "3.0", "6.0", "2", "abc", "", "-2.0", "2.", ".0", "2.99999999999999999999",
        ])
    func unserved(_ version: String) throws {
        for method in ["run_instance", "no_such_method"] {
            guard case .unsupportedVersion(let fault) = route(method, version) else {
                Issue.record("\(method) \(version) was routed")
                return
            }
            #expect(fault.kind == .unsupportedVersion)
            #expect(fault.arguments["version"] == .string(version))
        }
    }

    @Test(
        "A method that is not there, or is private, is unknown",
        arguments: [
            "no_such_method", "_run_instance", "__class__", "", "RunInstance", "service_config",
            "resume_state_on_host_boot",
        ])
    func unknown(_ method: String) {
        guard case .unknownMethod(let fault) = route(method, "2.0") else {
            Issue.record("\(method) was routed")
            return
        }
        #expect(fault.kind == .noSuchMethod)
        #expect(fault.message == "No such RPC function '\(method)'")
    }

    @Test("A namespace is none of ours")
    func namespace() {
        guard case .unsupportedVersion = route("ping", "2.0", namespace: "baseapi") else {
            Issue.record("a namespace was routed")
            return
        }
    }
}
