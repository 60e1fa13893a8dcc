// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel
internal import Libvirt
internal import Logging

extension LibvirtDriver: PoweringDriver {
    public func powerOff(_ instance: Instance) async throws {
        try requireWriting(instance.id)
        try await switchOff(try await domain(instance.id), instance.id)
    }

    public func powerOn(_ instance: Instance) async throws {
        try requireWriting(instance.id)
        let domain = try await domain(instance.id)
        let state = try await host.withConnection(for: instance.id) { _ throws(LibvirtError) in
            try await domain.state()
        }
        switch state {
        case .running, .blocked: return
        case .paused:
            try await requireAnswering(instance.id)
            try await host.withConnection(for: instance.id) { _ throws(LibvirtError) in
                do throws(LibvirtError) { try await domain.resume() } catch {
                    // A guest that is just being started, as by a worker that has died, looks paused until it runs.
                    guard error.code == .operationInvalid, try await domain.state() == .running else { throw error }
                }
            }
        case .shutoff, .crashed, .noState: try await bringUp(domain, instance.id, mayBeSaved: true)
        case .shutdown, .pmSuspended:
            // On its way out, or asleep by its own doing: only a fresh start is certain to end in running.
            try await uncancelled { [self] in
                try await switchOff(domain, instance.id)
                try await bringUp(domain, instance.id)
            }
        }
    }
}

extension LibvirtDriver {
    public func reboot(_ request: RebootRequest) async throws {
        let id = request.instance.id
        try requireWriting(id)
        let domain = try await domain(id)
        if request.type == .soft, try await shutsDownItself(domain, id) {
            // It is too late to be cancelled: the guest has gone down for this.
            return try await uncancelled { [self] in try await bringUp(domain, id) }
        }
        let state = try await host.withConnection(for: id) { _ throws(LibvirtError) in try await domain.state() }
        try await uncancelled { [self] in
            // What is off is only started: a start that came first, as by a worker that has died, is not ended.
            if state != .shutoff { try await switchOff(domain, id) }
            // A reboot is none that goes on from memory that was saved before.
            try await host.withConnection(for: id) { _ throws(LibvirtError) in
                if try await domain.hasManagedSave() { try await domain.removeManagedSave() }
            }
            try await bringUp(domain, id)
        }
    }

    /// Presses the power button and waits for the guest to go; false for one that does not, or does not run.
    private func shutsDownItself(_ domain: Domain, _ id: InstanceID) async throws -> Bool {
        // One that does not even answer libvirt will hardly hear of its power button; a hard reboot is what helps it.
        if host.supervisor.lanes.overdue.holdUp(domain.uuid) { return false }
        let gone = host.events.expect([.stopped, .crashed], of: domain.uuid)
        do throws(LibvirtError) {
            guard try await domain.state() == .running else {
                gone.cancel()
                return false
            }
            try await domain.shutdown()
            host.logger.debug("power button pressed, waiting for the guest", metadata: ["instance.uuid": "\(id)"])
            _ = try await gone.event(within: configuration.softRebootWait)
            return true
        } catch {
            gone.cancel()
            if error.kind == .cancelled { throw CancellationError() }
            if error.isConnectionLost { throw ComputeFault.libvirt(error, instance: id) }
            host.logger.notice(
                "soft reboot becomes a hard one", metadata: ["instance.uuid": "\(id)", "reason": "\(error)"])
            return false
        }
    }

    /// Waits for a guest that holds up an earlier call: another call would wait behind that one, and hold a thread.
    func requireAnswering(_ id: InstanceID) async throws {
        guard await !host.supervisor.lanes.overdue.returned(id.description, within: configuration.callDeadline)
        else { return }
        try Task.checkCancellation()
        throw ComputeFault(
            .timeout,
            "The guest does not answer: a call to it was given up and has not returned. It is asked again when that "
                + "has; a hard reboot or a delete helps at once.", instance: id)
    }

    /// The domain of an instance; nil where libvirt answers that it knows none.
    func knownDomain(_ id: InstanceID) async throws -> Domain? {
        try await host.withConnection(for: id) { connection throws(LibvirtError) in
            try await connection.domain(uuid: id.description)
        }
    }

    /// The domain of an instance that must be there.
    func domain(_ id: InstanceID) async throws -> Domain {
        guard let domain = try await knownDomain(id) else { throw ComputeFault.instanceNotFound(id) }
        return domain
    }

    /// Pulls the plug; success if the domain is off or gone. A QEMU that a slow disk keeps alive is given more time.
    func switchOff(_ domain: Domain, _ id: InstanceID) async throws {
        try await host.withConnection(for: id) { _ throws(LibvirtError) in
            var attempts = 0
            while true {
                attempts += 1
                do throws(LibvirtError) {
                    return try await domain.destroy()
                } catch {
                    switch error.code {
                    case .operationInvalid, .noDomain: return
                    case .systemError where attempts < 3: continue
                    default: throw error
                    }
                }
            }
        }
    }

    public func destroy(_ instance: Instance) async throws {
        try requireWriting(instance.id)
        let isOthers = instance.host.map { $0 != configuration.hostName } ?? false
        // What the source of a resize keeps is what a revert goes back to; a delete has no use for it.
        try await remove(
            instance.id, keptToo: instance.taskState == .deleting,
            spareUnowned: isOthers && !configuration.hostsOfSameInstancesPath.isEmpty)
    }

    /// Ends and forgets the domain, makes sure that it is gone, then removes the files; success if there is nothing.
    /// A cancellation that comes when the guest has been ended comes too late.
    ///
    /// - Parameters:
    ///   - keptToo: Whether what a resize has put aside goes as well.
    ///   - spareUnowned: Whether files of which nobody said whose they are may be another host's.
    func remove(_ id: InstanceID, keptToo: Bool = false, spareUnowned: Bool = false) async throws {
        try await removeDomain(id)
        // A call that was given up may still take effect, and bring back what was not there when we looked. One that
        // waited for the guest itself returns now that the guest is gone.
        let overdue = host.supervisor.lanes.overdue
        while overdue.holdUp(id.description) {
            guard await overdue.returned(id.description, within: configuration.callDeadline) else {
                try Task.checkCancellation()
                throw ComputeFault(
                    .unavailable, "An earlier call for the guest was given up and may still take effect; libvirt does "
                        + "not answer it.", instance: id)
            }
            try await removeDomain(id)
        }
        let (directory, name) = (directory(id), configuration.hostName)
        try await removeFiles("remove the instance's files") { () throws(ComputeFault) in
            // Hosts may see the same files; another's are not ours to remove.
            let isOwn = try directory.belongs(to: name, alsoUnowned: !spareUnowned)
            let isUnused = try directory.holdsUnusedCopy()
            if directory.exists, isOwn || keptToo && isUnused { try directory.remove() }
            if keptToo { try directory.kept.remove() }
        }
    }

    /// What is left once a domain is gone, and goes whoever is cancelled.
    func removeFiles(_ what: String, _ body: @escaping @Sendable () throws(ComputeFault) -> Void) async throws {
        try await uncancelled { [host] in try await host.files.run(what, body) }
    }

    /// Ends and forgets the domain, and makes sure that libvirt knows it no more.
    func removeDomain(_ id: InstanceID) async throws {
        guard let domain = try await knownDomain(id) else { return }
        try await uncancelled { [self] in
            try await switchOff(domain, id)
            try await host.withConnection(for: id) { _ throws(LibvirtError) in
                do throws(LibvirtError) {
                    try await domain.undefine()
                } catch {
                    // A transient domain went with its guest.
                    guard error.code == .noDomain else { throw error }
                }
            }
            if try await knownDomain(id) != nil {
                throw ComputeFault(
                    .instanceTerminationFailure, "libvirt still knows the guest after it was removed.", instance: id,
                    isRetriable: true)
            }
        }
    }
}
