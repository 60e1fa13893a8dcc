// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel

extension FakeDriver: PoweringDriver {
    public func powerOff(_ instance: Instance) async throws {
        try await perform(.powerOff, on: instance.id) { state throws(ComputeFault) in
            let guest = try state.guest(instance.id)
            if guest.powerState != .shutdown { state.stop(guest) }
        }
    }

    public func powerOn(_ instance: Instance) async throws {
        try await perform(.powerOn, on: instance.id) { state throws(ComputeFault) in
            let guest = try state.guest(instance.id)
            if guest.powerState != .running { state.boot(guest) }
        }
    }
}

extension FakeDriver: PausingDriver {
    public func pause(_ instance: Instance) async throws {
        try await perform(.pause, on: instance.id) { state throws(ComputeFault) in
            if try state.guest(instance.id).powerState == .paused { return }
            state.setPaused(try state.runningGuest(instance.id, to: "be paused"), true)
        }
    }

    public func unpause(_ instance: Instance) async throws {
        try await perform(.unpause, on: instance.id) { state throws(ComputeFault) in
            let guest = try state.guest(instance.id)
            if guest.powerState == .running { return }
            guard guest.powerState == .paused else {
                throw ComputeFault(.instanceInvalidState, "The guest is not paused.", instance: instance.id)
            }
            state.setPaused(guest, false)
        }
    }
}

extension FakeDriver: SuspendingDriver {
    /// The guest reads back as `shutdown`, as after libvirt's managed save.
    public func suspend(_ instance: Instance) async throws {
        try await transfer(
            .suspend, on: instance.id, amount: .mib(instance.memoryMiB),
            begin: { state throws(ComputeFault) in _ = try state.guest(instance.id) },
            finish: { state throws(ComputeFault) in
                var guest = try state.guest(instance.id)
                if guest.hasSavedMemory { return }
                guard guest.isOn else {
                    throw ComputeFault(
                        .instanceInvalidState, "The guest is off: it has no memory to save.", instance: instance.id)
                }
                guest.hasSavedMemory = true
                state.stop(guest)
            })
    }

    public func resume(_ instance: Instance) async throws {
        try await transfer(
            .resume, on: instance.id, amount: .mib(instance.memoryMiB),
            begin: { state throws(ComputeFault) in _ = try state.guest(instance.id) },
            finish: { state throws(ComputeFault) in
                let guest = try state.guest(instance.id)
                if guest.powerState == .running { return }
                guard guest.hasSavedMemory else {
                    throw ComputeFault(.instanceInvalidState, "The guest is not suspended.", instance: instance.id)
                }
                state.boot(guest)
            })
    }
}

extension FakeDriver: HostBootResumingDriver {
    public func resumeStateOnHostBoot(_ request: GuestRequest) async throws {
        try await perform(.resumeStateOnHostBoot, on: request.instance.id) { state throws(ComputeFault) in
            let guest = try state.guest(request.instance.id)
            if guest.powerState != .running { state.boot(guest) }
        }
    }
}

extension FakeDriver: RescuingDriver {
    public func rescue(_ request: RescueRequest) async throws {
        let id = request.instance.id
        try await perform(.rescue, on: id) { state throws(ComputeFault) in
            var guest = try state.guest(id)
            if guest.rescue != nil { return }
            guest.rescue = FakeGuest.Rescue(imageID: request.image?.metadata.id, password: request.password)
            state.stop(guest)
            state.boot(guest)
        }
    }

    public func unrescue(_ request: GuestRequest) async throws {
        let id = request.instance.id
        try await perform(.unrescue, on: id) { state throws(ComputeFault) in
            var guest = try state.guest(id)
            if guest.rescue == nil { return }
            guest.rescue = nil
            state.stop(guest)
            state.boot(guest)
        }
    }
}

extension FakeDriver: CrashDumpingDriver {
    public func triggerCrashDump(_ instance: Instance) async throws {
        try await perform(.triggerCrashDump, on: instance.id) { state throws(ComputeFault) in
            _ = try state.runningGuest(instance.id, to: "write a dump")
            try state.change(instance.id) { $0.crashDumps += 1 }
        }
    }
}

extension FakeDriver: SoftDeletingDriver {
    public func softDelete(_ instance: Instance) async throws {
        try await perform(.softDelete, on: instance.id) { state throws(ComputeFault) in
            var guest = try state.guest(instance.id)
            if guest.isSoftDeleted { return }
            guest.isSoftDeleted = true
            state.stop(guest)
        }
    }

    public func restore(_ instance: Instance) async throws {
        try await perform(.restore, on: instance.id) { state throws(ComputeFault) in
            let guest = try state.guest(instance.id)
            if guest.isSoftDeleted { state.boot(guest) }
        }
    }
}

extension FakeDriver: PowerEventReceivingDriver {
    public func receivePowerEvent(_ power: PowerState, of instance: Instance) async throws {
        try await perform(.receivePowerEvent, on: instance.id) { state throws(ComputeFault) in
            let guest = try state.guest(instance.id)
            switch power {
            case .running: if guest.powerState != .running { state.boot(guest) }
            case .shutdown: if guest.powerState != .shutdown { state.stop(guest) }
            default: throw ComputeFault.invalid("A power event tells of running or shutdown.", instance: instance.id)
            }
        }
    }
}
