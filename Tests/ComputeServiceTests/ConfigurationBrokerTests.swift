// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import ComputeManager
import Testing

@testable import ComputeService

@Suite("Folsom's rabbit options amount to a transport URL")
struct ConfigurationBrokerTests {
    private func url(_ text: String) throws -> String {
        try ConfigurationFixtures.worker(text).messaging.transportURL.reveal()
    }

    @Test(
        "The same broker is written either way",
        arguments: [
            ("", "rabbit://guest:guest@localhost:5672/"),
            ("rabbit_host = mq\nrabbit_port = 5673", "rabbit://guest:guest@mq:5673/"),
            (
                "rabbit_userid = nova\nrabbit_password = a/b@c:d%e,f g é\nrabbit_virtual_host = /nova",
                "rabbit://nova:a%2Fb%40c%3Ad%25e%2Cf%20g%20%C3%A9@localhost:5672/%2Fnova"
            ),
            ("rabbit_virtual_host = nova", "rabbit://guest:guest@localhost:5672/nova"),
            ("rabbit_host = ::1", "rabbit://guest:guest@[::1]:5672/"),
            (
                "rabbit_hosts = a:1, b,[::2]:3,[::4]\nrabbit_port = 9",
                "rabbit://guest:guest@a:1,guest:guest@b:9,guest:guest@[::2]:3,guest:guest@[::4]:9/"
            ),
            ("rabbit_password = $$5", "rabbit://guest:%245@localhost:5672/"),
        ])
    func equivalence(text: String, expected: String) throws {
        #expect(try url("[DEFAULT]\n" + text) == expected)
        #expect(try url("[oslo_messaging_rabbit]\n" + text) == expected)
        #expect(try url("[DEFAULT]\ntransport_url = \(expected)") == expected)
    }

    @Test("transport_url counts where both are set, and each is warned of")
    func both() {
        let resolved = ConfigurationFixtures.resolve("[DEFAULT]\nrabbit_host = old\ntransport_url = rabbit://new/\n")
        #expect(resolved["DEFAULT", "transport_url"]?.values == ["rabbit://new/"])
        #expect(
            resolved.warnings.map(\.description) == [
                "[DEFAULT] rabbit_host (a.conf:2): not used, because [DEFAULT] transport_url is set"
            ])
        let folsom = ConfigurationFixtures.resolve("[DEFAULT]\nrabbit_host = old\n")
        #expect(folsom["DEFAULT", "transport_url"]?.origin == .file(path: "a.conf", line: 2))
        #expect(
            folsom.warnings.map(\.description) == [
                "[DEFAULT] rabbit_host (a.conf:2): Folsom's way to name the broker; write [DEFAULT] transport_url"
            ])
    }

    @Test(
        "Folsom's and today's names of TLS and queue options mean the same",
        arguments: [
            "[DEFAULT]\nrabbit_use_ssl = 1\nkombu_ssl_ca_certs = /ca\nkombu_ssl_certfile = /c\nkombu_ssl_keyfile = /k\nrabbit_durable_queues = true",
            "[oslo_messaging_rabbit]\nssl = yes\nssl_ca_file = /ca\nssl_cert_file = /c\nssl_key_file = /k\namqp_durable_queues = on",
        ])
    func tls(text: String) throws {
        let messaging = try ConfigurationFixtures.worker(text).messaging
        #expect(messaging.connection.tls?.caFile == "/ca")
        #expect(messaging.connection.tls?.certificateFile == "/c")
        #expect(messaging.connection.tls?.keyFile == "/k")
        #expect(messaging.connection.tls?.verifiesHostName == true)
        #expect(messaging.queues.isDurable)
    }

    @Test("The topics that the operator names are those of what is consumed, asked, cast and reported", arguments: [true, false])
    func topics(isPeriodic: Bool) throws {
        let worker = try ConfigurationFixtures.worker(
            "[DEFAULT]\ncompute_topic = hypervisors\nscheduler_topic = placers\nperiodic_enable = \(isPeriodic)")
        let manager = ManagerConfiguration(worker)
        #expect(worker.messaging.topic == "hypervisors" && manager.computeTopic == "hypervisors")
        #expect(manager.schedulerTopic == "placers")
    }

    @Test("What the operator wants done with guests reaches the manager")
    func guests() throws {
        let text = "[DEFAULT]\nresume_guests_state_on_host_boot = true\nallow_resize_to_same_host = true\n"
        let manager = ManagerConfiguration(try ConfigurationFixtures.worker(text))
        #expect(manager.resumesGuestsOnHostBoot && manager.allowsResizeToSameHost)
    }

    @Test("What nova has by default, the worker has by default")
    func defaults() throws {
        let worker = try ConfigurationFixtures.worker("")
        let messaging = worker.messaging
        #expect(messaging.connection.tls == nil)
        #expect(messaging.controlExchange == "nova" && messaging.topic == "compute")
        #expect(messaging.responseTimeout == .seconds(60) && messaging.connection.heartbeat == .seconds(60))
        #expect(messaging.connection.loginMethod == .amqPlain && messaging.connection.prefetch == 256)
        #expect(messaging.connection.retryInterval == .seconds(1) && messaging.connection.retryMaximum == .seconds(30))
        #expect(!messaging.queues.isDurable && !messaging.queues.isAutoDelete && messaging.queues.fanout == .exclusive)
        #expect(messaging.queues.transientTTL == .seconds(1800) && messaging.queues.quorumDeliveryLimit == nil)
        #expect(worker.notifications.topics == ["notifications"] && worker.notifications.stateChanges == nil)
        #expect(worker.notifications.auditPeriod == UsageAuditPeriod(.month))
        #expect(worker.manager.laneSlots == 64 && worker.manager.buildSlots == 10)
        #expect(worker.manager.gracefulShutdownTimeout == .seconds(180) && !worker.manager.lanesClosed)
        #expect(!worker.manager.resumesGuestsOnHostBoot && !worker.manager.allowsResizeToSameHost)
        #expect(worker.libvirt.softRebootWait == .seconds(120) && worker.libvirt.virtType == nil)
        #expect(messaging.maximumMessageSize == 4 << 20)
    }
}
