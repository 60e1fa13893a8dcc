// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ComputeService

@Suite("Values refer to other options")
struct ConfigurationInterpolationTests {
    private func value(_ text: String, _ group: String = "DEFAULT", _ key: String = "control_exchange") -> String? {
        let resolved = ConfigurationFixtures.resolve(text)
        return resolved.faults.isEmpty ? resolved[group, key]?.values.last : resolved.faults.first?.description
    }

    @Test(
        "A name, a name in braces and a name with its group are replaced",
        arguments: [
            ("$my_ip", "192.0.2.7"), ("x-${my_ip}y", "x-192.0.2.7y"), ("${DEFAULT.host}", "node1"),
            ("${libvirt.wait_soft_reboot_seconds}", "120"), ("$libvirt.virt_type", "qemu"), ("$libvirt_type", "qemu"),
            ("$host.", "node1."), ("$$my_ip", "$my_ip"), (#"\$my_ip"#, "$my_ip"), ("a$", "a$"), ("$1", "$1"),
            ("${my_ip", "${my_ip"), ("$foreign", "192.0.2.7"), ("$instances_path", "/s/instances"),
        ])
    func references(text: String, expected: String) {
        let conf = """
            [DEFAULT]
            control_exchange = \(text)
            state_path = /s
            foreign = $my_ip
            [libvirt]
            virt_type = qemu
            """
        #expect(value(conf) == expected)
    }

    @Test("A name without a group is looked for in its own group first")
    func ownGroup() {
        let conf = "[DEFAULT]\ndriver = wrong\n[libvirt]\ndriver = right\nconnection_uri = $driver:///$host\n"
        #expect(value(conf, "libvirt", "connection_uri") == "right:///node1")
    }

    @Test("A later file changes what an earlier one refers to")
    func acrossFiles() {
        let resolved = ConfigurationFixtures.resolve(
            "[DEFAULT]\nlog_dir = $state_path/log\n", "[DEFAULT]\nstate_path = /b\n")
        #expect(resolved["DEFAULT", "log_dir"]?.values == ["/b/log"])
    }

    @Test("A value that leads back to itself is one fault that shows the way")
    func cycle() {
        let conf =
            "[DEFAULT]\nhost = $my_ip\nmy_ip = ${libvirt.connection_username}\n[libvirt]\nconnection_username = $host\n"
        #expect(
            ConfigurationFixtures.resolve(conf).faults.map(\.description) == [
                "[DEFAULT] host (a.conf:2): the value refers to itself: [DEFAULT] host -> [DEFAULT] my_ip -> "
                    + "[libvirt] connection_username -> [DEFAULT] host"
            ])
    }

    @Test("A cycle that leads through a default is told by the option that was set")
    func cycleThroughDefault() {
        #expect(
            ConfigurationFixtures.resolve("[DEFAULT]\ninstances_path = $log_dir\nlog_dir = $instances_path\n")
                .faults.map(\.key) == ["[DEFAULT] instances_path"])
        #expect(
            ConfigurationFixtures.resolve("[DEFAULT]\nstate_path = $instances_path\n").faults.map(\.description) == [
                "[DEFAULT] state_path (a.conf:2): the value refers to itself: [DEFAULT] state_path -> "
                    + "[DEFAULT] instances_path -> [DEFAULT] state_path"
            ])
        #expect(ConfigurationFixtures.resolve("[DEFAULT]\nmy_ip = $glance_host\n").faults.count == 1)
        #expect(
            ConfigurationFixtures.resolve("[DEFAULT]\nlog_dir = $connection\nconnection = $log_dir\n").faults.count == 1
        )
    }

    @Test("A name that is no option is a fault that says how to write a dollar sign")
    func unknown() {
        #expect(
            value("[DEFAULT]\ncontrol_exchange = a$nothing\n")
                == "[DEFAULT] control_exchange (a.conf:2): '$nothing' in the value is no option; write $$ for a dollar sign,"
                + " and braces where a name ends: ${my_ip}.example")
    }
}
