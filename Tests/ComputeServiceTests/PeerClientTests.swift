// SPDX-License-Identifier: Apache-2.0

import AMQP
import ComputeDriver
import ComputeModel
import Logging
import OsloMessaging
import TestSupport
import Testing

@testable import ComputeService

@Suite("Other services, asked over a broker", .timeLimit(.minutes(1)))
struct PeerClientTests {
    @Test("where nobody has a queue the answer is not waited for", arguments: [WireForm.flat, .enveloped])
    func nobodyListens(form: WireForm) async throws {
        let server = try await RabbitMQServer.start()
        let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let client = PeerClient(
            client: RPCClient(
                configuration: try BrokerConfiguration(transportURL: server.url()), topology: RPCTopology(),
                form: form, logger: quiet),
            timeout: .seconds(3600))
        let context = RequestContext(fields: JSONObject())
        await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await client.run() }
            let computes = RPCComputes(client: client, topic: "compute")
            let fault = await #expect(throws: ComputeFault.self) {
                _ = try await computes.call(
                    host: "nowhere", method: "check_can_live_migrate_destination", version: "2.10",
                    arguments: JSONObject(), context: context)
            }
            #expect(fault?.kind == .unavailable && fault?.isRetriable == true)
            #expect(fault?.message.hasSuffix("nobody listens on compute.nowhere.") == true, "\(fault as Any)")
            group.cancelAll()
        }
    }
}
