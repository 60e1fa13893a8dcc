// SPDX-License-Identifier: Apache-2.0

/// Cancels one piece of work, and nothing around it.
struct Cut: Sendable {
    private let cuts: AsyncStream<Void>
    private let cut: AsyncStream<Void>.Continuation

    init() { (cuts, cut) = AsyncStream.makeStream() }

    /// Cancels the work; it may take no notice.
    func make() { cut.yield() }

    /// Does the work; returns or throws when that has ended.
    func ending<Output: Sendable>(_ work: @escaping @Sendable () async throws -> Output) async throws -> Output {
        let outcome = Outcome<Output>()
        await withTaskGroup(of: Void.self) { group in
            // Begun here and now: what needs no waiting needs nobody who listens either.
            group.addImmediateTask {
                do { outcome.set(.success(try await work())) } catch { outcome.set(.failure(error)) }
            }
            if outcome.value == nil {
                group.addTask { for await _ in cuts { break } }
                await group.next()
                group.cancelAll()
            }
        }
        guard let result = outcome.value else { throw CancellationError() }
        return try result.get()
    }
}
