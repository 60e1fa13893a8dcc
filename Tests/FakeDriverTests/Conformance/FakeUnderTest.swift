// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import DriverConformance
import FakeDriver
import Foundation
import Synchronization

/// Two hosts in memory for the conformance suite.
final class FakeUnderTest: DriverUnderTest {
    let hosts: (here: FakeDriver, there: FakeDriver)
    private let shown: (any ComputeDriver)?
    private let made = Atomic(0)
    /// What planned delays are measured by.
    private let clock = StoppedClock()

    /// - Parameter wrapping: makes the driver that is tried of the one in memory.
    init(wrapping: (FakeDriver) -> (any ComputeDriver)? = { _ in nil }) {
        let cluster = FakeCluster()
        hosts = (
            FakeDriver(hostname: "here", clock: clock, cluster: cluster),
            FakeDriver(hostname: "there", clock: clock, cluster: cluster)
        )
        shown = wrapping(hosts.here)
    }

    var driver: any ComputeDriver { shown ?? hosts.here }
    var neighbour: (any ComputeDriver)? { hosts.there }
    let hostName = "here"
    let neighbourName = "there"
    let refusals: [DriverOperation: String] = [:]
    let unseen: [HostFact: String] = [:]
    let unbroken: [DriverOperation: String] = [:]
    let unheld: [DriverOperation: String] = [:]

    private func number() -> Int { made.add(1, ordering: .relaxed).newValue }

    func makeInstance() throws -> Instance {
        let number = number()
        return try Instance(fields: [
            "uuid": .string(UUID().uuidString), "id": JSONValue(number), "memory_mb": 512, "vcpus": 2, "root_gb": 3,
            "image_ref": "first",
        ])
    }

    func build(_ request: SpawnRequest) async throws { try await driver.spawn(request) }
    func image() async throws -> LocalImage? { Self.image("first") }
    func otherImage() async throws -> LocalImage? { Self.image("second") }

    private static func image(_ id: String) -> LocalImage {
        LocalImage(
            metadata: ImageMetadata(id: id, name: id, diskFormat: "raw"), path: "/nowhere/\(id)", virtualSize: 1 << 20)
    }

    let rootDevice = "vda"

    func makeVolume() async throws -> BlockDevice {
        BlockDevice(volumeID: "volume-\(number())", deviceName: "/dev/vdb", connection: Secret(JSONObject()))
    }

    func makeInterface() throws -> JSONValue? { ["id": "vif", "address": .string("fa:16:3e:00:00:\(10 + number())")] }

    func snapshotPath() throws -> String {
        FileManager.default.temporaryDirectory.appending(path: "cw-snapshot-\(UUID().uuidString)").path
    }

    func requests() async throws -> Int { hosts.here.faults.calls }

    func breakages(of operation: DriverOperation) -> [Breakage] {
        var all = [breakage("at once", operation) { .fail($0) }]
        if Self.isLong(operation) {
            all.append(breakage("midway", operation) { .failMidway($0) })
        }
        return operation == .lifecycleEvents ? [] : all
    }

    /// Whether it has a middle.
    private static func isLong(_ operation: DriverOperation) -> Bool {
        operation != .manageImageCache && operation.pace == .transfer
            || [.spawn, .finishMigration, .rebuild].contains(operation)
    }

    private func breakage(
        _ name: String, _ operation: DriverOperation,
        _ plan: @escaping @Sendable (ComputeFault) -> FaultPlan.Misbehaviour
    ) -> Breakage {
        let faults = [hosts.here.faults, hosts.there.faults]
        return Breakage(
            name,
            apply: { _ in
                let fault = ComputeFault(.hypervisorFailure, "no luck")
                for host in faults { host.plan(plan(fault), for: operation) }
            }, mend: { _ in for host in faults { host.clear() } })
    }

    func holds(of operation: DriverOperation) -> [Hold] {
        guard operation.pace != .question else { return [] }
        // The next call of either host stops there; a destination's work is done by the other one.
        let faults = [hosts.here.faults, hosts.there.faults]
        let delay = clock.nextSleep()
        let atOnce = Hold(
            "at once", isCertain: true,
            apply: { for host in faults { host.plan(.delay(.seconds(1)), for: operation) } },
            reached: { await delay.reached() },
            letGo: {
                delay.letGo()
                for host in faults { host.clear() }
            })
        guard Self.isLong(operation) else { return [atOnce] }
        let point = HangPoint()
        return [
            atOnce,
            Hold(
                "midway", isCertain: true,
                apply: { for host in faults { host.plan(.hangMidway(point), for: operation) } },
                reached: { await point.reached() },
                letGo: {
                    point.release()
                    // Nobody waits for a call that never came.
                    try? await point.wait()
                    for host in faults { host.clear() }
                }),
        ]
    }

    func slowMove(of instance: Instance) async throws -> @Sendable () async -> Void {
        let (point, faults) = (HangPoint(), hosts.here.faults)
        faults.plan(.hangMidway(point), for: .liveMigrate)
        return {
            point.release()
            faults.clear()
        }
    }

    func abandonSnapshot(of instance: Instance) async throws { hosts.here.outsideCopy(of: instance.id) }

    // MARK: What is seen

    func facts(of id: InstanceID, atNeighbour: Bool) async throws -> [HostFact: [String]] {
        let driver = atNeighbour ? hosts.there : hosts.here
        var facts = Self.facts(of: driver.host, id)
        facts.merge(Self.facts(of: driver.guest(id))) { $1 }
        return facts
    }

    private static func facts(of host: FakeHost, _ id: InstanceID) -> [HostFact: [String]] {
        func flag(_ isSo: Bool) -> [String] { isSo ? ["true"] : [] }
        return [
            .pluggedInterfaces: host.plugged[id] ?? [], .filters: flag(host.filtered.contains(id)),
            .shares: host.shares.filter { $0.value.contains(id) }.map(\.key).sorted(),
            .reservation: flag(host.reservations.contains(id)), .kept: flag(host.kept[id] != nil),
            .expected: flag(host.expected.contains(id)), .leftBehind: flag(host.leftBehind.contains(id)),
            .marks: host.marks.sorted(), .cachedImages: host.images.keys.sorted(),
            .refreshedGroups: host.refreshedGroups.map(String.init),
            .refreshedGroupMembers: host.refreshedGroupMembers.map(String.init),
            .providerRuleRefreshes: ["\(host.providerRuleRefreshes)"], .maintenance: ["\(host.isInMaintenance)"],
            .enabled: ["\(host.isEnabled)"], .powerActions: host.powerActions.map(\.rawValue),
            .aggregates: host.aggregates.flatMap { pool in pool.value.map { "\(pool.key):\($0)" } }.sorted(),
        ]
    }

    private static func facts(of guest: FakeGuest?) -> [HostFact: [String]] {
        guard let guest else {
            let ofGuests: [HostFact] = [
                .volumes, .volumeSizes, .volumeSnapshots, .interfaces, .files, .adminPassword, .metadata,
                .injectedNetwork, .networkResets, .rescue, .quiesced, .softDeleted, .powerButton, .copies,
                .crashDumps, .rootDisk, .ruleRefreshes, .passing,
            ]
            return Dictionary(uniqueKeysWithValues: ofGuests.map { ($0, []) })
        }
        return [
            .volumes: guest.volumes.map { "\($0.volumeID)@\($0.deviceName)" }.sorted(),
            .volumeSizes: guest.volumeSizes.map { "\($0.key)=\($0.value.bytes)" }.sorted(),
            .volumeSnapshots: guest.volumeSnapshots.flatMap { volume in volume.value.map { "\(volume.key)/\($0)" } }
                .sorted(),
            .interfaces: guest.macAddresses.sorted(), .files: guest.files.reveal().map(\.path).sorted(),
            .adminPassword: guest.adminPassword.map { [$0.reveal()] } ?? [],
            .metadata: guest.metadata.map { "\($0.key)=\($0.value)" }.sorted(),
            .injectedNetwork: guest.injectedNetworkInfo?.compactMap { $0["address"]?.string } ?? [],
            .networkResets: ["\(guest.networkResets)"],
            .rescue: guest.rescue.map { [$0.imageID ?? "", $0.password?.reveal() ?? ""] } ?? [],
            .quiesced: ["\(guest.isQuiesced)"], .softDeleted: ["\(guest.isSoftDeleted)"],
            .powerButton: ["\(guest.powerButtonPresses)"], .copies: guest.isBeingCopied ? ["copy"] : [],
            .crashDumps: ["\(guest.crashDumps)"], .rootDisk: ["\(guest.rootDiskNumber) \(guest.imageID ?? "")"],
            .ruleRefreshes: ["\(guest.ruleRefreshes)"], .passing: ["\(guest.isPassing)"],
        ]
    }
}
