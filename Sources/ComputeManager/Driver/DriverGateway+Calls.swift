// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Logging

extension DriverGateway {
    /// The guest's state; nil when the hypervisor answers that it knows no such guest.
    func info(_ id: InstanceID) async throws -> InstanceInfo? {
        do {
            return try await call(.info, on: id) { try await driver.info(id) }
        } catch let fault as ComputeFault where fault.kind == .instanceNotFound {
            return nil
        }
    }

    /// The guest's state once no start or stop of it is under way, as a worker that died may have left one: for work
    /// that is taken up again and must not do twice what has begun.
    ///
    /// A change that goes on for more than a minute is waited for no longer; an interruption ends the wait at once.
    func settledInfo(_ id: InstanceID, until isInterrupted: () -> Bool) async throws -> InstanceInfo? {
        let pause = Duration.milliseconds(250)
        var waited = Duration.zero
        while true {
            let guest = try await info(id)
            guard let guest, guest.isChanging, waited < .seconds(60), !isInterrupted() else { return guest }
            try await clock.sleep(for: pause)
            waited += pause
        }
    }

    /// Nova's `_get_power_state`: a guest that is not there has no state.
    func powerState(_ id: InstanceID) async throws -> PowerState {
        try await info(id)?.powerState ?? .noState
    }

    /// The state of a guest that was just started: it runs, and that it can't be asked just now does not undo that.
    func powerStateOfStarted(_ id: InstanceID) async -> PowerState {
        do { return try await powerState(id) } catch { return .running }
    }

    /// All guests, asked once.
    func inventory() async throws -> [InstanceSummary] {
        try await call(.listInstances, isRepeatable: false) { try await driver.instances() }
    }

    /// What a look at a guest shows now; a hypervisor that is away is not waited for.
    func reading(of id: InstanceID) async -> GuestReading {
        do {
            return .present(try await call(.info, on: id, isRepeatable: false) { try await driver.info(id) }.powerState)
        } catch let fault as ComputeFault where fault.kind == .instanceNotFound {
            return .absent
        } catch {
            return .unknown
        }
    }

    /// Builds a guest; one that is to end and goes on too long is destroyed under the call.
    func spawn(_ request: SpawnRequest, interruptedBy token: InterruptionToken) async throws {
        let instance = request.instance
        try await call(
            .spawn, on: instance.id, isRepeatable: false, interruptedBy: token, yieldingTo: .cancelled,
            unblock: { await unblock(instance) }
        ) { try await driver.spawn(request) }
    }

    func destroy(_ instance: Instance) async throws {
        try await call(.destroy, on: instance.id) { try await driver.destroy(instance) }
    }

    /// Restarts a guest; a soft one that is to make way for a hard one and goes on is cancelled.
    func reboot(_ request: RebootRequest, interruptedBy token: InterruptionToken) async throws {
        let instance = request.instance
        guard request.type == .soft else {
            return try await call(
                .reboot, on: instance.id, isRepeatable: false, interruptedBy: token,
                unblock: { token.reason == .superseded ? await unblock(instance) : false }
            ) { try await driver.reboot(request) }
        }
        let cut = Cut()
        try await call(
            .reboot, on: instance.id, isRepeatable: false, interruptedBy: token, yieldingTo: .overtaken,
            unblock: {
                if token.reason == .overtaken { cut.make() }
                return token.reason == .superseded ? await unblock(instance) : false
            }
        ) { try await cut.ending { try await driver.reboot(request) } }
    }

    func powerOff(_ instance: Instance, interruptedBy token: InterruptionToken) async throws {
        guard let driver = driver as? any PoweringDriver else {
            throw driver.unsupported(.powerOff, instance: instance.id)
        }
        try await call(
            .powerOff, on: instance.id, interruptedBy: token,
            unblock: { token.reason == .superseded ? await unblock(instance) : false }
        ) { try await driver.powerOff(instance) }
    }

    func powerOn(_ instance: Instance, interruptedBy token: InterruptionToken) async throws {
        guard let driver = driver as? any PoweringDriver else {
            throw driver.unsupported(.powerOn, instance: instance.id)
        }
        try await call(
            .powerOn, on: instance.id, interruptedBy: token,
            unblock: { token.reason == .superseded ? await unblock(instance) : false }
        ) { try await driver.powerOn(instance) }
    }

    func consoleOutput(_ instance: Instance) async throws -> [UInt8] {
        guard let driver = driver as? any ConsoleOutputDriver else {
            throw driver.unsupported(.consoleOutput, instance: instance.id)
        }
        return try await call(.consoleOutput, on: instance.id) { try await driver.consoleOutput(instance) }
    }

    func hostUptime() async throws -> String {
        guard let driver = driver as? any HostUptimeDriver else { throw driver.unsupported(.hostUptime) }
        return try await call(.hostUptime) { try await driver.hostUptime() }
    }

    /// Destroys a guest whose call hangs, so that the call returns; what fails here fails again, and is told, there.
    func unblock(_ instance: Instance) async -> Bool {
        do {
            try await destroy(instance)
        } catch {
            logger.warning(
                "the guest of a hanging call can't be destroyed",
                metadata: [LogKey.instance: .string(instance.id.description), LogKey.error: .string("\(error)")])
        }
        // Also where the destroy failed: nobody knows how far it came.
        return true
    }
}
