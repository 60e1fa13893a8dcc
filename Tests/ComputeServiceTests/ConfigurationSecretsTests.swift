// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Testing

@testable import ComputeService

@Suite("Secrets of the configuration are never shown")
struct ConfigurationSecretsTests {
    private static let canaries = """
        [DEFAULT]
        compute_driver = fake.FakeDriver
        transport_url = rabbit://canary1:canary2@h1:5672,canary3:can%40ary@[::1]:5673/v?ssl=canary5
        rabbit_password = canary6
        log_file = $rabbit_password
        sql_connection = mysql://canary7
        wrong_password = canary8
        [libvirt]
        connection_uri = qemu+tcp://canary9@host/system
        connection_password = canary10
        [oslo_messaging_notifications]
        transport_url = rabbit://u:canary/11@h/
        """

    @Test("config show masks secrets, what refers to them, and what stands before the @ of a URL")
    func shown() throws {
        let resolved = ConfigurationFixtures.resolve(Self.canaries)
        let report = ConfigurationReport(resolved)
        for text in [report.table, report.json] {
            #expect(!text.contains("canary"))
            #expect(!text.contains("can%40ary"))
        }
        let values = Dictionary(uniqueKeysWithValues: report.rows.map { ($0.name.description, $0.value) })
        #expect(values["[DEFAULT] transport_url"] == "rabbit://***:***@h1:5672,***:***@[::1]:5673/v?ssl=***")
        #expect(values["[oslo_messaging_notifications] transport_url"] == "rabbit://***")
        #expect(values["[DEFAULT] log_file"] == "***")
        #expect(values["[libvirt] connection_uri"] == "qemu+tcp://***@host/system")
        #expect(values["[libvirt] connection_password"] == "***")
        #expect(values["[DEFAULT] rabbit_password"] == "***")
    }

    @Test("The typed configuration does not print them either")
    func typed() throws {
        var text = Self.canaries.replacing("log_file = $rabbit_password", with: "")
        text.replace("qemu+tcp://canary9@host", with: "qemu://host")
        let worker = try ConfigurationFixtures.worker(text)
        #expect(worker.libvirt.password?.reveal() == "canary10")
        var dumped = ""
        dump(worker, to: &dumped)
        #expect(
            !dumped.contains("canary") && !"\(worker)".contains("canary")
                && !String(reflecting: worker).contains("canary"))
    }

    @Test(
        "A fault in a secret, or in what refers to one, does not show it",
        arguments: [
            (
                "[libvirt]\nconnection_password = can$ary",
                "[libvirt] connection_password (a.conf:2): a name after a dollar sign in the value (not shown, it is secret) is no option; write $$ for a dollar sign"
            ),
            (
                "[DEFAULT]\ntransport_url = rabbit://u:can$ary@h/",
                "[DEFAULT] transport_url (a.conf:2): a name after a dollar sign in the value (not shown, it is secret) is no option; write $$ for a dollar sign"
            ),
            (
                "[DEFAULT]\nstate_path = ${libvirt.connection_password}\n[libvirt]\nconnection_password = canary",
                "[DEFAULT] state_path (a.conf:2): the value (not shown, it is secret) is not allowed; allowed: an absolute path"
            ),
        ])
    func faults(text: String, sentence: String) {
        #expect(ConfigurationFixtures.faults(text) == [sentence])
    }

    @Test("A name inside a secret is not told by the option that refers to the secret")
    func nestedFault() {
        let text = "[DEFAULT]\nlog_file = ${libvirt.connection_password}\n[libvirt]\nconnection_password = a$canary\n"
        let faults = ConfigurationFixtures.faults(text)
        #expect(faults.count == 2)
        #expect(!faults.joined().contains("canary"))
    }

    @Test(
        "URLs are masked whatever they look like",
        arguments: [
            ("rabbit://", "rabbit://"), ("rabbit://h:1/v", "rabbit://h:1/v"), ("rabbit://u@h/", "rabbit://***@h/"),
            ("rabbit://u:p@w@h/", "rabbit://***:***@h/"), ("rabbit://u:p/w@h/", "rabbit://***"), ("u:p@h", "***"),
            ("rabbit://u:p@h/v?a=b&c", "rabbit://***:***@h/v?a=***&c"), ("", ""), ("rabbit://u:p?@h", "rabbit://***"),
            ("rabbit://u:p,q@h/", "rabbit://***"),
        ])
    func masks(url: String, masked: String) {
        #expect(BrokerURL.masked(url) == masked)
    }
}
