// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import ImageService

/// A place for images whose disk does not answer.
final class AbsentImages: ImageService {
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
}
