// SPDX-License-Identifier: Apache-2.0

@testable import ComputeManager
import ComputeModel
import Testing
import WorkerStore

/// Questions, which go past the journal.
extension ManagerFixture {
    func message(_ body: [UInt8], reply: ReplyAddress? = .messageID("m1")) throws -> IncomingMessage {
        let request = try wire.decode(body)
        let summary = MessageSummary(form: .flat, method: request.method, version: request.version, reply: reply)
        return IncomingMessage(
            token: AcknowledgementToken(generation: 1, number: 1), body: body, size: body.count, isRedelivered: false,
            scan: .success(summary))
    }

    /// What a question gets for an answer.
    func answer(_ manager: ComputeManager, _ body: [UInt8]) async throws -> JSONValue {
        await manager.work.serve(try message(body))
        let frame = try #require(sink.published.last)
        return try JSONParser.parse(frame.body)
    }
}
