// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AMQP

@Suite("A mailbox without an eventfd")
struct MailboxTests {
    @Test("A process out of file descriptors is told so, and not ended")
    func noDescriptor() throws {
        let mailbox = Mailbox(PublisherMailbox(), wakeUp: -1)
        mailbox.post { $0.isStopping = true }
        mailbox.sleep(socket: -1, atMost: .milliseconds(1), unless: { _ in false })
        #expect(mailbox.update { $0.isStopping })
        let error = #expect(throws: BrokerError.self) { try mailbox.checkUsable() }
        #expect(error?.message.contains("file descriptors") == true)
        try Mailbox(PublisherMailbox()).checkUsable()
    }
}
