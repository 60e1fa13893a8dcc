// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Libvirt
internal import Logging
internal import XML

extension LibvirtDriver {
    /// Copies a disk of a running guest, and returns with the copy caught up and following what the guest writes.
    ///
    /// After a failure or a cancellation no copy is under way, and the guest has what it had.
    func copy(
        _ target: String, of domain: Domain, to element: XMLElement, _ id: InstanceID, _ progress: ProgressReporter,
        clock: any Clock<Duration> = ContinuousClock()
    ) async throws {
        let text = try render(element, id)
        // One that a worker left that has died leads nowhere.
        try await endBlockJob(target, of: domain, id)
        do {
            try await host.withConnection(for: id) { _ throws(LibvirtError) in
                try await domain.copyBlock(target, to: text)
            }
            let end = ContinuousClock.now + configuration.transferDeadline
            while true {
                let job = try await host.withConnection(for: id) { _ throws(LibvirtError) in
                    try await domain.blockJob(target)
                }
                guard let job else {
                    throw ComputeFault(
                        .hypervisorFailure, "The copy of the guest's disk ended before it was whole; the hypervisor's "
                            + "log says why.", instance: id)
                }
                progress.report(
                    .init(
                        done: ByteCount(bytes: Int64(clamping: job.done)),
                        total: ByteCount(bytes: Int64(clamping: job.total))))
                if job.hasCaughtUp { return }
                guard ContinuousClock.now < end else {
                    throw ComputeFault(.timeout, "The copy of the guest's disk is overdue.", instance: id)
                }
                try await clock.sleep(for: .milliseconds(100), tolerance: nil)
            }
        } catch {
            await uncancelled { [self] in
                do { try await endBlockJob(target, of: domain, id) } catch {
                    host.logger.error(
                        "a copy of a disk could not be ended; the next one ends it",
                        metadata: ["instance.uuid": "\(id)", "error": "\(error)"])
                }
            }
            throw error
        }
    }

    /// Ends the job on a disk, and waits for a libvirt that is away; success if there is none.
    func endBlockJob(_ target: String, of domain: Domain, _ id: InstanceID) async throws {
        let end = ContinuousClock.now + configuration.undoWait
        while true {
            do {
                return try await host.withConnection(for: id) { _ throws(LibvirtError) in
                    guard try await domain.blockJob(target) != nil else { return }
                    do throws(LibvirtError) { try await domain.endBlockJob(target) } catch {
                        guard try await domain.blockJob(target) == nil else { throw error }
                    }
                }
            } catch let fault as ComputeFault where fault.kind == .unavailable && ContinuousClock.now < end {
                await host.awaitConnection(within: end - ContinuousClock.now)
            }
        }
    }
}
