// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Libvirt

/// The threads on which the driver reads and writes files and waits for programs.
struct FileLane: Sendable {
    private let lane: CallLane

    /// - Parameter name: What its threads are called, by a number each.
    init(name: String) { lane = CallLane(name: name, threads: 4, spareThreads: 4) }

    /// Runs a piece of work that may wait for a disk.
    ///
    /// - Throws: What `body` throws; a fault of kind `timeout` when it does not end in time.
    func run<Value: Sendable>(
        _ what: String, within deadline: Duration = .seconds(60),
        _ body: @escaping @Sendable () throws(ComputeFault) -> Value
    ) async throws -> Value {
        let result: Result<Value, ComputeFault>
        do throws(LibvirtError) {
            result = try await lane.run(what, within: deadline) { () throws(LibvirtError) in
                do throws(ComputeFault) { return .success(try body()) } catch { return .failure(error) }
            }
        } catch {
            if error.kind == .cancelled { throw CancellationError() }
            if error.kind == .exhausted {
                throw ComputeFault(.unavailable, "The worker can't \(what): the disk does not answer.")
            }
            throw ComputeFault(.timeout, "\(what) did not end within \(deadline).")
        }
        return try result.get()
    }
}
