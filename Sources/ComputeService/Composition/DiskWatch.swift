// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import Glibc
internal import Logging
internal import Metrics
internal import WorkerStore

/// Watches over the disks that the worker stands on, so that an idle worker too knows that one is full, and tells what
/// the journal's disk has damaged.
struct DiskWatch: Sendable {
    /// What the instances' disk must have free; below, a guest that is built or only writes may meet its end.
    static let room: UInt64 = 32 << 20

    private static let interval = Duration.seconds(10)
    /// While something is wrong, so that readiness soon follows when somebody has made room.
    private static let shortInterval = Duration.seconds(2)

    let store: WorkerStore
    /// Where the driver keeps disks of guests; nil where it keeps none.
    let instances: String?
    /// Told of each look at that disk.
    let room: InstanceRoom
    let health: HealthMonitor
    let logger: Logger

    /// Looks every few seconds until the task is cancelled.
    func run() async {
        tellOfLog()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.followDamage() }
            group.addTask { await self.look() }
        }
    }

    private func look() async {
        var commits = -1
        repeat {
            // What commits anyway needs no probe.
            let now = store.levels.commits
            if now == commits || health.health.journalFault != nil { await probe() }
            commits = store.levels.commits
            guard let instances else { continue }
            let free = await DiskThread.run(name: "instances-disk") { Self.free(instances) } ?? nil
            let fault = free.flatMap { free in
                free < Self.room ? "\(instances) has \(free >> 20) MiB left; free some space" : nil
            }
            room.report(isFull: fault != nil)
            health.update { $0.instancesFault = fault }
        } while (try? await ContinuousClock().sleep(for: interval)) != nil
    }

    private var interval: Duration {
        let now = health.health
        return now.journalFault == nil && now.instancesFault == nil ? Self.interval : Self.shortInterval
    }

    private func probe() async {
        var fault: String?
        do { try await store.probe() } catch { fault = "\(error)" }
        let told = fault
        health.update { $0.journalFault = told }
    }

    /// Bytes that a user may fill; nil where nobody can say.
    static func free(_ path: String) -> UInt64? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize)
    }

    // MARK: Damage

    private func tellOfLog() {
        let log = store.log
        guard log.mendedBits > 0 || log.droppedBytes > 0 else { return }
        logger.warning(
            "the journal's log was mended: what nobody was told of is dropped, what was acknowledged is kept",
            metadata: ["bits.mended": "\(log.mendedBits)", "bytes.dropped": "\(log.droppedBytes)"])
    }

    /// Tells of each row that is set aside, at the start and later.
    private func followDamage() async {
        var told: Set<QuarantinedRow.ID> = []
        while true {
            for row in store.quarantined where told.insert(row.id).inserted {
                logger.error(
                    "the disk has damaged a record; it is set aside, and what it belongs to is closed until a delete",
                    metadata: ["damage": "\(row.words)"])
            }
            let count = store.levels.quarantined
            Gauge(label: "compute_store_quarantined").record(count)
            guard await store.wait(until: { $0.quarantined != count }) else { return }
        }
    }
}
