// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ComputeService

@Suite("A wrong value names the key, the place and what is allowed")
struct ConfigurationFaultTests {
    @Test(
        "Each kind of value says what it allows",
        arguments: [
            (
                "[DEFAULT]\nglance_port = many",
                "[DEFAULT] glance_port (a.conf:2): 'many' is not allowed; allowed: an integer from 1 to 65535"
            ),
            (
                "[DEFAULT]\nglance_port = 65536",
                "[DEFAULT] glance_port (a.conf:2): '65536' is not allowed; allowed: an integer from 1 to 65535"
            ),
            (
                "[DEFAULT]\nglance_port =",
                "[DEFAULT] glance_port (a.conf:2): an empty value is not allowed; allowed: an integer from 1 to 65535"
            ),
            (
                "[DEFAULT]\ndebug = maybe",
                "[DEFAULT] debug (a.conf:2): 'maybe' is not allowed; allowed: true, false (also yes, no, on, off, 1, 0)"
            ),
            (
                "[DEFAULT]\nstate_path = var",
                "[DEFAULT] state_path (a.conf:2): 'var' is not allowed; allowed: an absolute path"
            ),
            (
                "[DEFAULT]\nhost = a b",
                "[DEFAULT] host (a.conf:2): 'a b' is not allowed; allowed: a host name without blanks, of at most 200 bytes"
            ),
            (
                "[DEFAULT]\nhost = a\n  b",
                "[DEFAULT] host (a.conf:2): 'a\\nb' is not allowed; allowed: a host name without blanks, of at most 200 bytes"
            ),
            (
                "[DEFAULT]\ninstance_usage_audit_period = month@32",
                "[DEFAULT] instance_usage_audit_period (a.conf:2): 'month@32' is not allowed; allowed: hour, day, month or year, optionally with an offset: month@15"
            ),
            (
                "[libvirt]\nvirt_type = kmv",
                "[libvirt] virt_type (a.conf:2): 'kmv' is not allowed; allowed: kvm, qemu. Did you mean 'kvm'?"
            ),
            (
                "[DEFAULT]\nlibvirt_type = uml",
                "[DEFAULT] libvirt_type (a.conf:2): 'uml' is a virt_type that no driver of this build serves; allowed: kvm, qemu"
            ),
            (
                "[DEFAULT]\nnotification_driver = a.list_notifier",
                "[DEFAULT] notification_driver (a.conf:2): 'a.list_notifier' is not allowed; allowed: noop, messaging, messagingv2, rabbit_notifier (one a line; the line may stand several times)"
            ),
            (
                "[notifications]\nnotification_format = both",
                "[notifications] notification_format (a.conf:2): 'both' asks for versioned notifications as well, which this build does not send; allowed: unversioned"
            ),
            (
                "[compute_worker]\nignore_unsupported_arguments = swap, swop",
                "[compute_worker] ignore_unsupported_arguments (a.conf:2): 'swop' is not allowed; allowed: some of requested_networks, block_device_mapping, injected_files, admin_password, config_drive, user_data, ephemeral_gb, swap, separated by commas. Did you mean 'swap'?"
            ),
            (
                "[DEFAULT]\nrabbit_hosts = a:5672,b:x",
                "[DEFAULT] rabbit_hosts (a.conf:2): an address in the value is not allowed; allowed: host:port, separated by commas"
            ),
            (
                "[compute_worker]\nintake_low_water = 9000",
                "[compute_worker] intake_low_water (a.conf:2): it must be below [compute_worker] intake_high_water, which is 8192"
            ),
            (
                "[oslo_messaging_rabbit]\nssl = yes\nssl_cert_file = /c",
                "[oslo_messaging_rabbit] ssl_cert_file (a.conf:3): it needs [oslo_messaging_rabbit] ssl_key_file as well, which is not set"
            ),
            (
                "[oslo_messaging_rabbit]\nrabbit_transient_quorum_queue = 1",
                "[oslo_messaging_rabbit] rabbit_transient_quorum_queue (a.conf:2): it needs [compute_worker] fanout_queue = expiring: a quorum queue cannot be exclusive"
            ),
        ])
    func sentences(text: String, sentence: String) {
        #expect(ConfigurationFixtures.faults(text) == [sentence])
    }

    @Test("A wrong value in the environment names the variable")
    func environment() {
        #expect(
            ConfigurationFixtures.faults("", environment: ["OS_DEFAULT__GLANCE_PORT": "x"]) == [
                "[DEFAULT] glance_port (environment OS_DEFAULT__GLANCE_PORT): 'x' is not allowed; allowed: an integer from 1 to 65535"
            ])
    }

    @Test("All faults are told at once: the file's, the values' and the driver's")
    func allAtOnce() {
        let text = "[DEFAULT]\ncompute_driver = fake.FakDriver\ndebug = 7\nrubbish\n[libvirt]\nvirt_type = xen\n"
        let error = #expect(throws: ConfigurationFaults.self) { try ConfigurationFixtures.worker(text) }
        #expect(
            error?.description == """
                the configuration has 4 faults:
                  a.conf:4: there is neither '=' nor ':' in the line; write key = value
                  [DEFAULT] debug (a.conf:3): '7' is not allowed; allowed: true, false (also yes, no, on, off, 1, 0)
                  [libvirt] virt_type (a.conf:6): 'xen' is a virt_type that no driver of this build serves; allowed: kvm, qemu
                  [DEFAULT] compute_driver (a.conf:2): 'fake.FakDriver' is no driver of this build; there are: \
                fake.FakeDriver, libvirt.LibvirtDriver. Did you mean 'fake.FakeDriver'?
                """)
    }

    @Test("A value that a later source overrules is not judged")
    func overruled() throws {
        let resolved = ConfigurationFixtures.resolve("[DEFAULT]\ndebug = 7\n", "[DEFAULT]\ndebug = on\n")
        #expect(resolved.faults.isEmpty)
    }

    @Test("A broker URL that the caller refuses is told with its place")
    func transportURL() {
        let resolved = ConfigurationFixtures.resolve(
            "[DEFAULT]\ncompute_driver = fake.FakeDriver\ntransport_url = x://\n")
        let error = #expect(throws: ConfigurationFaults.self) {
            try WorkerConfiguration(resolved, drivers: ConfigurationFixtures.drivers) {
                $0 == "x://" ? "no scheme of ours" : nil
            }
        }
        #expect(error?.faults.map(\.description) == ["[DEFAULT] transport_url (a.conf:3): no scheme of ours"])
    }

    @Test(
        "compute_driver is taken in every form that nova has had",
        arguments: [
            ("compute_driver = libvirt.LibvirtDriver", "libvirt.LibvirtDriver"),
            ("compute_driver = fake.FakeDriver", "fake.FakeDriver"),
            ("compute_driver = nova.virt.libvirt.LibvirtDriver", "libvirt.LibvirtDriver"),
            ("compute_driver = nova.virt.libvirt.driver.LibvirtDriver", "libvirt.LibvirtDriver"),
            ("compute_driver = nova.virt.fake.FakeDriver", "fake.FakeDriver"),
            (
                "compute_driver = nova.virt.connection.get_connection\nconnection_type = libvirt",
                "libvirt.LibvirtDriver"
            ),
            ("compute_driver = nova.virt.connection.get_connection\nconnection_type = fake", "fake.FakeDriver"),
            ("connection_type = libvirt", "libvirt.LibvirtDriver"),
            ("compute_driver = fake.FakeDriver\nconnection_type = libvirt", "fake.FakeDriver"),
        ])
    func drivers(text: String, driver: String) throws {
        #expect(try ConfigurationFixtures.worker("[DEFAULT]\n" + text).driver == driver)
    }

    @Test(
        "A driver that is missing or unknown is told with those that there are",
        arguments: [
            (
                "compute_driver =",
                "[DEFAULT] compute_driver (a.conf:2): it must be set; there are: fake.FakeDriver, libvirt.LibvirtDriver"
            ),
            (
                "compute_driver = vmwareapi.VMwareVCDriver",
                "[DEFAULT] compute_driver (a.conf:2): 'vmwareapi.VMwareVCDriver' is no driver of this build; there are: fake.FakeDriver, libvirt.LibvirtDriver"
            ),
            (
                "compute_driver = nova.virt.connection.get_connection",
                "[DEFAULT] compute_driver (a.conf:2): get_connection needs [DEFAULT] connection_type, which is not set; there are: fake, libvirt"
            ),
            (
                "connection_type = xenapi",
                "[DEFAULT] connection_type (a.conf:2): 'xenapi' is no kind of hypervisor that this build drives; there are: fake, libvirt"
            ),
        ])
    func unknownDrivers(text: String, sentence: String) {
        #expect(ConfigurationFixtures.faults("[DEFAULT]\n" + text) == [sentence])
    }

    @Test("No driver at all is a fault without a place")
    func noDriver() {
        let error = #expect(throws: ConfigurationFaults.self) {
            try WorkerConfiguration(ConfigurationFixtures.resolve(""), drivers: ConfigurationFixtures.drivers)
        }
        #expect(
            error?.description == """
                the configuration has one fault:
                  [DEFAULT] compute_driver: it must be set; there are: fake.FakeDriver, libvirt.LibvirtDriver
                """)
    }

    @Test(
        "Settings that are not used are listed, with the reason or what may have been meant",
        arguments: [
            (
                "[DEFAULT]\nsql_connection = mysql://u:canary@h/nova",
                "[DEFAULT] sql_connection (a.conf:2) is ignored: the worker writes to no nova database"
            ),
            (
                "[neutron]\nurl = http://n",
                "[neutron] url (a.conf:2) is ignored: network_api says who gives instances their network, and rpc needs no more"
            ),
            (
                "[libvirt]\ncpu_mode = none",
                "[libvirt] cpu_mode (a.conf:2) is ignored: a part of nova's libvirt driver that this build does not have"
            ),
            (
                "[libvirt]\nvirt_typ = kvm",
                "[libvirt] virt_typ (a.conf:2) is ignored: no option of the worker. Did you mean [libvirt] virt_type?"
            ),
            (
                "[libvrit]\nvirt_type = kvm",
                "[libvrit] virt_type (a.conf:2) is ignored: no option of the worker. Did you mean [libvirt] virt_type?"
            ),
            (
                "[default]\nhost = x",
                "[default] host (a.conf:2) is ignored: no option of the worker. Did you mean [DEFAULT] host?"
            ),
            (
                "[DEFAULT]\nlibvirt_tpye = kvm",
                "[DEFAULT] libvirt_tpye (a.conf:2) is ignored: no option of the worker. Did you mean [libvirt] virt_type?"
            ),
            (
                "[DEFAULT]\nvirt_type = kvm",
                "[DEFAULT] virt_type (a.conf:2) is ignored: no option of the worker. Did you mean [libvirt] virt_type?"
            ),
            (
                "[DEFAULT]\ncompute-driver = x",
                "[DEFAULT] compute-driver (a.conf:2) is ignored: no option of the worker. Did you mean [DEFAULT] compute_driver?"
            ),
            ("[mine]\nzzz = 1", "[mine] zzz (a.conf:2) is ignored: no option of the worker"),
            (
                "[oslo_messaging_rabbit]\nheartbeat_rate = x",
                "[oslo_messaging_rabbit] heartbeat_rate (a.conf:2) is ignored: one heartbeat is sent in each threshold"
            ),
            (
                "[DEFAULT]\nverbose = true",
                "[DEFAULT] verbose (a.conf:2) is ignored: info is always logged; write debug for more"
            ),
        ])
    func ignored(text: String, sentence: String) {
        let resolved = ConfigurationFixtures.resolve(text)
        #expect(resolved.ignored.map(\.description) == [sentence])
        #expect(resolved.faults.isEmpty)
    }
}
