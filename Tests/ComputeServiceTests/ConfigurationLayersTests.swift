// SPDX-License-Identifier: Apache-2.0

import Foundation
import ComputeDriver
import LibvirtDriver
import Testing

@testable import ComputeService

@Suite("Sources of the configuration lie over each other")
struct ConfigurationLayersTests {
    private typealias Fixtures = ConfigurationFixtures

    private func shown(_ configuration: ResolvedConfiguration, _ group: String, _ key: String) -> String {
        guard let setting = configuration[group, key] else { return "no such option" }
        return "\(setting.values.joined(separator: "|")) from \(setting.origin)"
    }

    @Test("Flags come before the environment, that before later files, those before earlier ones, then defaults")
    func precedence() {
        let a = "[DEFAULT]\nhost = a\ncompute_topic = a\ncontrol_exchange = a\nglance_host = a\n"
        let b = "[DEFAULT]\nhost = b\ncompute_topic = b\ncontrol_exchange = first\ncontrol_exchange = b\n"
        let resolved = Fixtures.resolve(
            a, b, environment: ["OS_DEFAULT__HOST": "env", "OS_DEFAULT__COMPUTE_TOPIC": "env", "HOST": "no"],
            overrides: [.init(OptionName("DEFAULT", "host"), "flag", flag: "--host")])
        #expect(shown(resolved, "DEFAULT", "host") == "flag from command line --host")
        #expect(shown(resolved, "DEFAULT", "compute_topic") == "env from environment OS_DEFAULT__COMPUTE_TOPIC")
        #expect(shown(resolved, "DEFAULT", "control_exchange") == "b from b.conf:5")
        #expect(shown(resolved, "DEFAULT", "glance_host") == "a from a.conf:5")
        #expect(shown(resolved, "DEFAULT", "rpc_response_timeout") == "60 from default")
        #expect(resolved.faults.isEmpty)
    }

    @Test("Defaults of the host come from the machine")
    func facts() throws {
        let worker = try Fixtures.worker("")
        #expect(worker.host == "node1")
        #expect(worker.address == "192.0.2.7")
        #expect(worker.images.glanceURL == "http://192.0.2.7:9292")
        #expect(worker.store.instancesPath == "/var/lib/nova/instances")
        let current = HostFacts.current()
        #expect(!current.hostName.isEmpty && !current.address.isEmpty)
    }

    @Test("An older name is taken, with a warning that names the new one")
    func aliases() throws {
        let text = "[DEFAULT]\nlibvirt_type = qemu\nlogfile = /tmp/x\n"
        let resolved = Fixtures.resolve(text)
        #expect(
            resolved.warnings.map(\.description) == [
                "[DEFAULT] logfile (a.conf:3): an older name; write [DEFAULT] log_file",
                "[DEFAULT] libvirt_type (a.conf:2): an older name; write [libvirt] virt_type",
            ])
        #expect(resolved.ignored.isEmpty)
        let worker = try Fixtures.worker(text)
        #expect(worker.libvirt.virtType == .qemu)
        #expect(worker.logging.file == "/tmp/x")
    }

    @Test("Of two names in one file today's counts; of two files the later, whichever name it uses")
    func aliasPrecedence() {
        let both = Fixtures.resolve("[DEFAULT]\nlibvirt_type = qemu\n[libvirt]\nvirt_type = kvm\n")
        #expect(shown(both, "libvirt", "virt_type") == "kvm from a.conf:4")
        #expect(
            both.warnings.map(\.reason) == ["an older name of [libvirt] virt_type, which is set as well and counts"])
        let later = Fixtures.resolve("[libvirt]\nvirt_type = kvm\n", "[DEFAULT]\nlibvirt_type = qemu\n")
        #expect(shown(later, "libvirt", "virt_type") == "qemu from b.conf:2")
    }

    @Test("The environment sets options of groups and under older names, and does not hide what it misspells")
    func environment() {
        let resolved = Fixtures.resolve(
            "",
            environment: [
                "OS_OSLO_MESSAGING_RABBIT__SSL": "true", "OS_DEFAULT__LIBVIRT_TYPE": "qemu",
                "OS_LIBVIRT__VIRT_TYP": "kvm", "OS_AUTH_URL": "http://x",
            ])
        #expect(
            shown(resolved, "oslo_messaging_rabbit", "ssl") == "true from environment OS_OSLO_MESSAGING_RABBIT__SSL")
        #expect(shown(resolved, "libvirt", "virt_type") == "qemu from environment OS_DEFAULT__LIBVIRT_TYPE")
        #expect(
            resolved.ignored.map(\.description) == [
                "[libvirt] virt_typ (environment OS_LIBVIRT__VIRT_TYP) is ignored: no option of the worker."
                    + " Did you mean [libvirt] virt_type?"
            ])
    }

    @Test("A repeated option gathers its values from all files, under all its names; the environment replaces them")
    func repeated() throws {
        let first = """
            [DEFAULT]
            notification_driver = nova.openstack.common.notifier.no_op_notifier
            notification_driver = nova.openstack.common.notifier.rabbit_notifier
            """
        let second = "[oslo_messaging_notifications]\ndriver = messagingv2\ndriver = messagingv2\n"
        let files = Fixtures.resolve(first, second, environment: ["OS_DEFAULT__COMPUTE_DRIVER": "fake.FakeDriver"])
        let worker = try WorkerConfiguration(files, drivers: Fixtures.drivers)
        #expect(worker.notifications.drivers == [.rabbitNotifier, .messagingv2])
        let replaced = Fixtures.resolve(
            first, environment: ["OS_OSLO_MESSAGING_NOTIFICATIONS__DRIVER": "noop, messaging"])
        #expect(replaced["oslo_messaging_notifications", "driver"]?.values == ["noop", "messaging"])
        #expect(try Fixtures.worker("").notifications.drivers.isEmpty)
    }

    @Test("Lists are divided by commas, blanks around their elements do not count")
    func lists() throws {
        let text = "[compute_worker]\nignore_unsupported_arguments = swap,\n  user_data ,, ephemeral_gb\n"
        #expect(try Fixtures.worker(text).manager.ignoredArguments == [.swapDisk, .userData, .ephemeralDisk])
    }

    @Test("An optional option that is set to nothing is not set")
    func emptyIsUnset() throws {
        let worker = try Fixtures.worker("[DEFAULT]\nlibvirt_uri =\nlog_dir =\n[libvirt]\nvirt_type =\n")
        #expect(worker.libvirt.connectionURI == nil)
        #expect(worker.libvirt.virtType == nil)
        #expect(worker.logging.file == nil)
    }

    @Test("Files and the *.conf files of a directory are read in order; one that is missing is a fault of its own")
    func disk() throws {
        let folder = NSTemporaryDirectory() + "configuration-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder + "/d", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for (name, host) in [("nova.conf", "zero"), ("d/10.conf", "ten"), ("d/20.conf", "twenty"), ("d/30.txt", "no")] {
            try "[DEFAULT]\nhost = \(host)\n".write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
        }
        let sources: [ConfigurationSource] = [.file(folder + "/nova.conf"), .directory(folder + "/d")]
        let resolved = ResolvedConfiguration(sources: sources, facts: Fixtures.facts)
        #expect(shown(resolved, "DEFAULT", "host") == "twenty from \(folder)/d/20.conf:2")
        let missing = ResolvedConfiguration(
            sources: [.file(folder + "/none.conf"), .directory(folder + "/none")], facts: Fixtures.facts)
        #expect(
            missing.faults.map(\.description) == [
                "command line --config-file \(folder)/none.conf: it cannot be read: No such file or directory",
                "command line --config-dir \(folder)/none: it cannot be read: No such file or directory",
            ])
    }

    @Test("Without --config-file, nova.conf and nova-compute.conf are looked for where oslo.config looks")
    func standardFiles() {
        let there: Set = [
            "/etc/nova/nova.conf", "/etc/nova.conf", "/etc/nova/nova-compute.conf", "/etc/nova/nova.conf.d",
        ]
        let sources = ConfigurationSource.standard(home: "/root") { there.contains($0) }
        #expect(
            sources == [
                .file("/etc/nova/nova.conf"), .file("/etc/nova/nova-compute.conf"), .directory("/etc/nova/nova.conf.d"),
            ])
    }
}
