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

    /// Rows in which what the driver has with a restriction is no less than what Folsom's best had.
    private static let asFolsom: Set<String> = [
        // Its libvirt showed such a guest in the same way.
        "suspend",
        // XenAPI's needed an agent in the guest too, and libvirt's had none.
        "set_admin_password",
    ]

    @Test("What a driver of Folsom's had, a real driver has, or the work is named that is to bring it")
    func noneIsForgotten() {
        let real = Program.driverTypes.filter { !"\($0)".contains("Fake") }
        #expect(!real.isEmpty)
        for method in FolsomMethod.all {
            guard case .operations(let operations) = method.counterpart else {
                #expect([.inherent, .unneeded].contains(method.standing(among: real)), "\(method.name)")
                continue
            }
            switch method.standing(among: real) {
            case .absent, .inherent, .unneeded: Issue.record("\(method.name): nobody brings it")
            case .planned(let works):
                #expect(Set(works.flatMap(\.operations)).isSuperset(of: operations), "\(method.name)")
                #expect(works.allSatisfy { method.families.contains($0.family) }, "\(method.name)")
            case .served(let services, let rest):
                #expect(!services.isEmpty, "\(method.name)")
                // What a driver has with a restriction is told with it, and what is to lift it.
                for service in services {
                    let driver = real.first { $0.name == service.driver }
                    let isPartial = operations.contains { driver?.caveats[$0] != nil }
                    #expect((service.caveat != nil) == isPartial, "\(method.name)")
                    #expect(rest.isEmpty == (!isPartial || Self.asFolsom.contains(method.name)), "\(method.name)")
                }
            }
        }
    }

    @Test("What is to come stands on the page, and a row that waits leads there", arguments: PlannedWork.allCases)
    func works(_ work: PlannedWork) {
        let page = Program.drivers.markdown
        let headings = page.split(separator: "\n").filter { $0.hasPrefix("### ") }.map { $0.dropFirst(4) }
        #expect(headings.count { $0 == work.rawValue } == 1)
        // GitHub's and GitLab's names of headings: small letters, no punctuation, hyphens for spaces.
        let name = String(work.rawValue.lowercased().filter { $0.isLetter || $0 == " " }.map { $0 == " " ? "-" : $0 })
        #expect(page.contains("[\(work.rawValue)](#\(name))"), "no row waits for it")
        #expect(page.contains("\(work.summary): `"))
        let real = Program.driverTypes.filter { !"\($0)".contains("Fake") }
        for operation in work.operations {
            let isWhole = real.contains { operation.isImplemented(by: $0) && $0.caveats[operation] == nil }
            #expect(!isWhole, "\(work.rawValue): \(operation.rawValue) is here")
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
