// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Glibc
internal import Logging

/// Who answers what is asked through the control socket.
protocol ControlHandler: Sendable {
    func answer(_ request: ControlRequest) async -> ControlAnswer
}

/// The control socket of a running worker: one JSON line in, one JSON line out.
///
/// It is a help for operators and never in the way of the work: where it can't be made, that is logged, and the worker
/// serves without it.
struct ControlServer: Sendable {
    let path: String
    let handler: any ControlHandler
    let logger: Logger
    var limits = ControlLoop.Limits()

    private struct Question: Sendable {
        let client: ControlLoop.ClientID
        let line: [UInt8]
    }

    /// Answers until the task is cancelled; the socket's file is gone then.
    func run() async {
        do {
            try await serve()
        } catch {
            logger.warning("no control socket; ops cancel and status can't reach this worker", metadata: [
                "error": "\(error)",
            ])
            let (never, end) = AsyncStream<Never>.makeStream()
            defer { end.finish() }
            for await _ in never {}
        }
    }

    private func serve() async throws(ControlFault) {
        let loop = try ControlLoop(listener: ControlSocket.listen(at: path), limits: limits)
        // As many as there are clients: each has one question.
        let (questions, asked) = AsyncStream<Question>.makeStream()
        await withTaskCancellationHandler {
            await withDiscardingTaskGroup { group in
                group.addTask {
                    let hasRun: Void? = await DiskThread.run(name: "control") {
                        loop.run { asked.yield(Question(client: $0, line: $1)) }
                    }
                    if hasRun == nil { logger.warning("no thread can be started for the control socket") }
                    asked.finish()
                }
                for await question in questions {
                    group.addTask {
                        let answer = await answer(to: question.line)
                        loop.answer(question.client, JSONWriter.bytes(answer.json) + [UInt8(ascii: "\n")])
                    }
                }
                // Cancelled, the stream may end before the thread does.
                loop.stop()
            }
        } onCancel: {
            loop.stop()
        }
        unlink(path)
    }

    private func answer(to line: [UInt8]) async -> ControlAnswer {
        do throws(ControlFault) {
            return await handler.answer(try ControlRequest(line: line))
        } catch {
            return .refused(error)
        }
    }
}
