// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
@testable import ComputeService
import Foundation
import Testing

@Suite("The matrix of drivers")
struct DriverListingTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    @Test("The page in docs is what the types say: compute-worker drivers --format markdown > docs/DRIVERS.md")
    func page() throws {
        let page = try String(contentsOf: Self.root.appending(path: "docs/DRIVERS.md"), encoding: .utf8)
        #expect(page == Program.drivers.markdown)
    }

    /// The methods that Folsom's manager called of its drivers: 65 of the base class, five beside it.
    private static let folsom = """
        init_host get_info get_num_instances instance_exists list_instances spawn destroy reboot
        get_console_pool_info get_console_output get_vnc_console get_diagnostics get_all_bw_usage get_host_ip_addr
        attach_volume detach_volume migrate_disk_and_power_off snapshot finish_migration confirm_migration
        finish_revert_migration pause unpause suspend resume resume_state_on_host_boot rescue unrescue power_off
        power_on get_available_resource live_migration check_can_live_migrate_destination
        check_can_live_migrate_destination_cleanup check_can_live_migrate_source refresh_security_group_rules
        refresh_security_group_members refresh_provider_fw_rules reset_network ensure_filtering_rules_for_instance
        filter_defer_apply_on filter_defer_apply_off unfilter_instance set_admin_password inject_file
        change_instance_metadata inject_network_info poll_rebooting_instances poll_rescued_instances
        host_power_action host_maintenance_mode set_host_enabled get_host_uptime plug_vifs unplug_vifs
        update_host_status get_host_stats block_stats interface_stats legacy_nwinfo manage_image_cache
        add_to_aggregate remove_from_aggregate undo_aggregate_operation get_volume_connector get_instance_disk_info
        pre_live_migration pre_block_migration post_live_migration_at_destination refresh_instance_security_rules
        """.split(whereSeparator: \.isWhitespace).map(String.init)

    @Test("Each of the 70 methods of Folsom's drivers has its row, once")
    func rows() {
        #expect(Self.folsom.count == 70)
        #expect(FolsomMethod.all.map(\.name) == Self.folsom)
    }

    @Test("What a driver of Folsom's had, a real driver has, or the one is named that is to bring it")
    func noneIsForgotten() {
        let real = Program.driverTypes.filter { !"\($0)".contains("Fake") }
        #expect(!real.isEmpty)
        for method in FolsomMethod.all {
            switch method.standing(among: real) {
            case .absent: #expect(method.families.isEmpty, "\(method.name)")
            case .planned(let family):
                #expect(method.families.contains(family), "\(method.name)")
                // A family that is here is the first to bring what its driver had.
                let isHere = method.families.contains(.libvirt)
                #expect((family == .libvirt) == isHere, "\(method.name)")
            case .served(let services):
                #expect(!services.isEmpty, "\(method.name)")
                // What a driver has with a restriction is told with it.
                guard case .operations(let operations) = method.counterpart else { continue }
                for service in services {
                    let driver = real.first { $0.name == service.driver }
                    let isPartial = operations.contains { driver?.caveats[$0] != nil }
                    #expect((service.caveat != nil) == isPartial, "\(method.name)")
                }
            case .inherent, .unneeded:
                if case .operations = method.counterpart { Issue.record("\(method.name)") }
            }
        }
    }

    @Test("Every operation stands in the table, with its caveat where it has one")
    func complete() {
        let output = Program.drivers
        for operation in DriverOperation.allCases {
            #expect(output.markdown.contains("| `\(operation.rawValue)` |"))
            #expect(output.text.contains(operation.summary))
        }
        for driver in Program.driverTypes {
            for (operation, caveat) in driver.caveats {
                #expect(operation.isImplemented(by: driver), "a caveat for what \(driver.name) lacks: \(operation)")
                #expect(output.markdown.contains(caveat) && output.text.contains(caveat))
            }
        }
    }
}
