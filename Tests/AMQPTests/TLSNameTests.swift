// SPDX-License-Identifier: Apache-2.0

import AMQP
import TestSupport
import Testing

@Suite("The broker's name and its authority are verified apart", .timeLimit(.minutes(2)))
struct TLSNameTests {
    private func outcome(
        _ server: RabbitMQServer, host: String, _ tls: TLSConfiguration
    ) async throws -> ConnectionState? {
        let configuration = try BrokerConfiguration(transportURL: server.url(host: host, tls: true), tls: tls)
        return try await withPublisher(configuration) { publisher in
            await publisher.states.first { $0.isReady || $0.lostError != nil }
        }
    }

    @Test("Without the verification of names another host's certificate is taken, but not another authority's")
    func otherName() async throws {
        let server = try await RabbitMQServer.start(
            certificate: .init(hosts: ["broker.example"], addresses: ["192.0.2.1"]))
        for host in ["localhost", "127.0.0.1"] {
            var tls = TLSConfiguration(authorityFile: server.authorityFile)
            #expect(try await outcome(server, host: host, tls)?.lostError != nil)
            tls.verifiesHostName = false
            #expect(try await outcome(server, host: host, tls)?.isReady == true)
            tls.authorityFile = nil
            #expect(try await outcome(server, host: host, tls)?.lostError?.code == .certificateRefused)
        }
        await server.shutDown()
    }

    @Test("The query of a transport_url stands over everything else")
    func query() throws {
        let files = TLSConfiguration(authorityFile: "/ca", certificateFile: "/c", keyFile: "/k")
        let asked = try BrokerConfiguration(
            transportURL: "rabbit://h/?ssl=1&ssl_ca_file=/other&heartbeat_timeout_threshold=7"
                + "&rabbit_login_method=EXTERNAL&ssl_enforce_hostname_verification=false",
            tlsOnRequest: files
        ) { configuration in
            configuration.heartbeat = .seconds(60)
            configuration.loginMethod = .plain
            configuration.connectionName = "mine"
        }
        #expect(
            asked.tls
                == TLSConfiguration(
                    authorityFile: "/other", certificateFile: "/c", keyFile: "/k", verifiesHostName: false))
        #expect(asked.heartbeat == .seconds(7) && asked.loginMethod == .external && asked.connectionName == "mine")
        #expect(try BrokerConfiguration(transportURL: "rabbit://h/?ssl=no", tls: files).tls == nil)
        #expect(throws: TransportURLError.self) {
            try BrokerConfiguration(transportURL: "rabbit://h/?ssl=1&ssl_enforce_hostname_verification=perhaps")
        }
    }
}
