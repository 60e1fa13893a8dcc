// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// What a build needs of other services before its guest can be made: addresses and volumes.
extension Build {
    /// The driver can do with addresses, and somebody gives some.
    var needsNetwork: Bool { run.asksNetwork && run.driver.kind.acceptedSpawnArguments.contains(.networks) }

    /// The volumes that the guest is to have from the beginning.
    func volumes() throws(ComputeFault) -> [BlockDevices.Element] {
        guard let mapping = arguments.requestSpec?["block_device_mapping"]?.array, !mapping.isEmpty,
            run.driver.kind.acceptedSpawnArguments.contains(.volumes), !(run.services.peers.volumes is NoVolumes)
        else { return [] }
        var volumes: [BlockDevices.Element] = []
        for entry in mapping where entry["no_device"].map({ $0.isNull || $0 == false }) ?? true {
            volumes.append(try volume(entry))
        }
        return volumes
    }

    private func volume(_ entry: JSONValue) throws(ComputeFault) -> BlockDevices.Element {
        let id: String? =
            switch entry["volume_id"] {
            case .string(let id)?: id
            case .number(let number)?: number.int.map { String($0) }
            default: nil
            }
        guard let id, !id.isEmpty else {
            throw .invalid(
                "An entry of 'block_device_mapping' names no volume; a volume made from a snapshot, and an ephemeral or "
                    + "swap disk of a name of its own, can't be had: make the volume first.",
                instance: arguments.instance.id)
        }
        guard let name = entry["device_name"]?.string, !name.isEmpty else {
            throw .invalid(
                "An entry of 'block_device_mapping' names no device.", instance: arguments.instance.id)
        }
        return BlockDevices.Element(
            volumeID: id, deviceName: name.hasPrefix("/dev/") ? name : "/dev/\(name)",
            isDeletedOnTermination: entry["delete_on_termination"]?.bool ?? false, state: .reserved)
    }

    /// Why a wish that the driver honours can't be granted: there is no service for it.
    func refusalWithoutService(of wish: SpawnArgument) -> ComputeFault? {
        let id = arguments.instance.id
        switch wish {
        case .networks where run.services.peers.network is NoNetwork:
            return .invalid("There is no network service for '\(wish)' (network_api = none).", instance: id)
        case .volumes where run.services.peers.volumes is NoVolumes:
            return .invalid("There is no volume service for '\(wish)' (volume_api = none).", instance: id)
        case .volumes:
            do throws(ComputeFault) {
                try run.driver.require([.volumeConnector], instance: id)
                _ = try volumes()
                return nil
            } catch {
                return error
            }
        default: return nil
        }
    }

    /// The step that the claim leads to: where nobody is asked, at once the last.
    func firstStep() throws(ComputeFault) -> RunInstance.Step {
        if needsNetwork { return .allocatingNetwork }
        return try volumes().isEmpty ? .spawning : .connectingVolumes
    }

    /// Gives the instance its addresses and its volumes, from the step on that was written last.
    ///
    /// - Parameter isResumed: whether an earlier attempt may have been given some already.
    func prepare(from step: RunInstance.Step, isResumed: Bool) async throws {
        var step = step
        if step == .allocatingNetwork {
            let network = try await addresses(isResumed: isResumed)
            step = try volumes().isEmpty ? .spawning : .connectingVolumes
            try await enter(step) { $0.amend { $0.networkInfo = network } }
            try run.checkInterruption()
        }
        if step == .connectingVolumes {
            try await connectVolumes(isResumed: isResumed)
            try await enter(.spawning) { _ in }
        }
    }

    private func addresses(isResumed: Bool) async throws -> [JSONValue] {
        let instance = run.row?.instance ?? arguments.instance
        let context = run.request.context.elevated()
        if isResumed {
            let known = try await run.peers.network.networkInfo(of: instance, context: context)
            if !known.isEmpty { return known }
        }
        return try await run.peers.network.allocate(
            for: instance, requested: arguments.requestedNetworks, context: context)
    }

    private func connectVolumes(isResumed: Bool) async throws {
        guard let row = run.row else { return }
        let context = run.request.context.elevated()
        for var element in BlockDevices(row).elements where element.state != .attached {
            guard let volume = element.volumeID else { continue }
            let connector = try await run.driver.volumeConnector(for: row.instance)
            do {
                element.connection = try await run.peers.volumes.initializeConnection(
                    volume, for: row.id, connector: connector, context: context)
                try await run.peers.volumes.attach(
                    volume, to: row.instance, deviceName: element.deviceName, context: context)
            } catch let fault as ComputeFault where fault.kind != .timeout && fault.kind != .unavailable {
                // Refused: it may be another's, from whom a detach would take it.
                if element.connection != nil {
                    // Its own failure stands in its trace; what is told is why the volume was refused.
                    do {
                        try await run.peers.volumes.terminateConnection(
                            volume, of: row.id, connector: connector, context: context)
                    } catch is ComputeFault {}
                }
                // After a restart it may as well be refused because an attempt of before was heard.
                if !isResumed { try await note(volume, nil) }
                throw fault
            }
            element.state = .attached
            try await note(volume, element)
            try run.checkInterruption()
        }
    }

    private func note(_ volume: String, _ element: BlockDevices.Element?) async throws {
        try await run.commit(.connectingVolumes) { change throws(ComputeFault) in
            change.amendBlockDevices { devices in
                var refused = devices[volume]
                refused?.state = .reserved
                // What was never this instance's does not go with it.
                refused?.isDeletedOnTermination = false
                devices[volume] = element ?? refused
            }
        }
    }

    private func enter(_ step: RunInstance.Step, _ body: (inout InstanceChange) -> Void) async throws {
        try await run.commit(step) { change throws(ComputeFault) in
            body(&change)
            Self.tell(&change, upTo: step)
        }
    }

    /// The tasks that nova tells between the claim and the spawn.
    private static let tasks: [TaskState] = [.networking, .blockDeviceMapping, .spawning]

    /// Writes the tasks of the way to a step, one after the other, as nova does.
    static func tell(_ change: inout InstanceChange, upTo step: RunInstance.Step) {
        let last: TaskState =
            switch step {
            case .allocatingNetwork: .networking
            case .connectingVolumes: .blockDeviceMapping
            case .spawning, .refused, .undoing: .spawning
            }
        if step == .connectingVolumes {
            // From here on each may be connected.
            change.amendBlockDevices { devices in
                for index in devices.elements.indices { devices.elements[index].state = .attaching }
            }
        }
        var isAhead = change.instance.taskState.map { !tasks.contains($0) } ?? true
        for task in tasks {
            if isAhead { change.update(elevated: true) { $0.taskState = task } }
            if task == last { return }
            if change.instance.taskState == task { isAhead = true }
        }
    }

    /// Takes back all that was made for the instance: its guest, then its volumes and its addresses.
    func undo() async throws {
        let isElsewhere = needsNetwork || run.row.map { !BlockDevices($0).elements.isEmpty } ?? false
        if isElsewhere, run.row != nil {
            // What is taken back is not what a restart goes on with.
            try await run.commit(.undoing) { _ in }
        }
        try await run.driver.destroy(run.row?.instance ?? arguments.instance)
        if isElsewhere {
            try await run.releaseVolumes(at: .undoing)
            if needsNetwork { try await run.deallocateNetwork() }
        }
        run.markUndone()
    }
}
