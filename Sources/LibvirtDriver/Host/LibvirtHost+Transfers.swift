// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Libvirt
internal import Synchronization

extension LibvirtHost {
    /// How often a transfer is asked how far it is, and a cancelled one is asked to end.
    private static let beat = Duration.milliseconds(250)

    /// Makes a call that takes as long as what it moves is large.
    ///
    /// - Parameters:
    ///   - watch: Told every beat while the call is under way.
    ///   - abort: Ends the call when the task is cancelled; asked again until the call has ended, because one that
    ///     comes before libvirt has begun does nothing.
    func transfer(
        clock: any Clock<Duration> = ContinuousClock(), _ call: @escaping @Sendable () async throws -> Void,
        watch: @escaping @Sendable () async -> Void, abort: @escaping @Sendable () async -> Void
    ) async throws {
        let end = Flag()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                defer { end.set() }
                try await call()
                return true
            }
            group.addTask {
                while !end.isSet {
                    guard Task.isCancelled else {
                        // Cut short by a cancellation, which is seen above.
                        try? await clock.sleep(for: Self.beat, tolerance: nil)
                        if !end.isSet, !Task.isCancelled { await watch() }
                        continue
                    }
                    await uncancelled {
                        await abort()
                        // Never cut short: this is not cancelled.
                        try? await clock.sleep(for: Self.beat, tolerance: nil)
                    }
                }
                return false
            }
            while let isCall = try await group.next() { if isCall { group.cancelAll() } }
        }
    }

    /// Makes a save or a migration of a domain, with its progress, and ends it when the task is cancelled.
    func transfer(
        _ domain: Domain, _ progress: ProgressReporter, instance: InstanceID,
        _ call: @escaping @Sendable () async throws(LibvirtError) -> Void
    ) async throws {
        do {
            try await transfer {
                try await self.withConnection(for: instance) { _ throws(LibvirtError) in try await call() }
            } watch: {
                // News of the progress only; the next beat asks again.
                guard let job = try? await domain.job() else { return }
                progress.report(
                    .init(
                        done: ByteCount(bytes: Int64(clamping: job.processed)),
                        total: job.total > 0 ? ByteCount(bytes: Int64(clamping: job.total)) : nil))
            } abort: {
                // Asked again at the next beat, for as long as the call has not ended.
                try? await domain.abortJob()
            }
        } catch {
            // What libvirt calls an aborted operation is to the caller the cancellation that was wanted.
            try Task.checkCancellation()
            throw error
        }
    }
}

/// Says once, to whoever looks, that something has happened.
final class Flag: Sendable {
    private let value = Mutex(false)

    var isSet: Bool { value.withLock { $0 } }
    func set() { value.withLock { $0 = true } }
}
