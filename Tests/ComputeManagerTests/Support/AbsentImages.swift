// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import ImageService

/// A place for images whose disk does not answer.
final class AbsentImages: ImageLibrary {
    private let questions: AsyncStream<Void>
    private let question: AsyncStream<Void>.Continuation

    init() { (questions, question) = AsyncStream.makeStream() }

    /// Returns when somebody waits for an image; for one waiter.
    func reached() async {
        for await _ in questions { return }
    }

    func image(_ id: String, kernelID: String?, ramdiskID: String?) async throws -> LocalImage {
        let (never, continuation) = AsyncStream<Void>.makeStream()
        question.yield()
        for await _ in never {}
        continuation.finish()
        throw CancellationError()
    }

    func begin(_ id: String) async throws -> String { throw Self.away }
    func publish(_ id: String, _ fields: JSONObject, at time: Timestamp) async throws { throw Self.away }
    func discard(_ id: String) async throws { throw Self.away }
    func metadata(of id: String) async throws -> ImageMetadata? { throw Self.away }
    func images(having values: JSONObject) async throws -> [ImageMetadata] { throw Self.away }
    func delete(_ id: String) async throws { throw Self.away }

    private static let away = ComputeFault(.unavailable, "There is no place for images.")
}
