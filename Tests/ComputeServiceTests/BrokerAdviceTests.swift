// SPDX-License-Identifier: Apache-2.0

import AMQP
import OsloMessaging
import Testing
import WorkerStore

@testable import ComputeService

@Suite("The way to the broker: what counts, and what is warned of")
struct BrokerAdviceTests {
    private func notes(_ text: String) throws -> [String] {
        BrokerAdvice.notes(for: try ConfigurationFixtures.worker(text))
    }

    private func broker(_ text: String) throws -> BrokerConfiguration {
        let messaging = try ConfigurationFixtures.worker(text).messaging
        return try BrokerConfiguration(messaging.transportURL, messaging.connection, purpose: "test")
    }

    @Test("A broker elsewhere without TLS, the guest's password, and a query that nobody reads are each warned of")
    func advice() throws {
        #expect(try notes("[DEFAULT]\ntransport_url = rabbit://nova:s3cret@127.0.0.1/").isEmpty)
        #expect(try notes("[DEFAULT]\ntransport_url = rabbit://nova:s3cret@mq/?ssl=1").isEmpty)
        let open = try notes(
            "[DEFAULT]\ntransport_url = rabbit://guest:guest@localhost/\n"
                + "[oslo_messaging_notifications]\ntransport_url = rabbit://nova:s3cret@mq/?rabbit_ha_queues=1")
        #expect(open.count == 3)
        #expect(open[0].contains("[DEFAULT] transport_url") && open[0].contains("guest"))
        #expect(open[1].contains("[oslo_messaging_notifications] transport_url"))
        #expect(open[1].contains("rabbit_ha_queues"))
        #expect(open[2].contains("mq") && open[2].contains("without TLS"))
        #expect(!open.joined().contains("s3cret"))
    }

    @Test("The query stands over the file's options")
    func query() throws {
        let configuration = try broker(
            "[DEFAULT]\ntransport_url = rabbit://nova@mq/?ssl=true&heartbeat_timeout_threshold=5\n"
                + "[oslo_messaging_rabbit]\nssl_ca_file = /ca\nheartbeat_timeout_threshold = 90\n")
        #expect(configuration.heartbeat == .seconds(5))
        #expect(configuration.tls == TLSConfiguration(authorityFile: "/ca"))
        let external = try broker("[DEFAULT]\ntransport_url = rabbit://nova@mq/?rabbit_login_method=EXTERNAL\n")
        #expect(external.loginMethod == .external)
    }

    @Test("Leaving out the host's name leaves the chain's verification on")
    func chain() throws {
        let tls = try broker("[oslo_messaging_rabbit]\nssl = true\nssl_enforce_hostname_verification = false\n").tls
        #expect(tls?.verifiesPeer == true)
        #expect(tls?.verifiesHostName == false)
    }

    @Test(
        "What changes the wire and is not served is refused",
        arguments: ["rabbit_stream_fanout", "use_queue_manager"])
    func unserved(key: String) throws {
        let faults = ConfigurationFixtures.faults("[oslo_messaging_rabbit]\n\(key) = true\n")
        #expect(faults.count == 1 && faults[0].contains(key) && faults[0].contains("not served"))
        #expect(ConfigurationFixtures.faults("[oslo_messaging_rabbit]\n\(key) = false\n").isEmpty)
        let worker = try ConfigurationFixtures.worker("[oslo_messaging_rabbit]\nenable_cancel_on_failover = 1")
        #expect(TopologyOptions(worker.messaging).cancelsOnFailover)
    }

    @Test("A failure of the store has one status, whenever it comes", arguments: StoreError.Code.allCases)
    func statuses(code: StoreError.Code) {
        let status = ProgramFailure(StoreError(code, "x")).status
        switch code {
        case .newerSchema, .damaged, .notAccessible, .badConfiguration: #expect(status == 78)
        case .inUse, .diskFull, .inputOutput, .noSuchEntry, .closed, .database: #expect(status == 69)
        }
    }
}
