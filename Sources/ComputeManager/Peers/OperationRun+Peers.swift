// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Logging
internal import WorkerStore

/// What an instance has of other services, taken back.
extension OperationRun {
    /// Whether the instances' networks are another service's.
    var asksNetwork: Bool { services.peers.asked.contains(.network) }

    /// Takes the instance's addresses back; nothing where there are none.
    func deallocateNetwork() async throws {
        guard asksNetwork, let instance = row?.instance else { return }
        do {
            try await peers.network.deallocate(for: instance, context: request.context.elevated())
        } catch let fault as ComputeFault where fault.kind == .networkNotFound || fault.kind == .fixedIPNotFound {
            // Gone is what it was to be.
        }
    }

    /// Tells the volumes' service that this instance has none any more; each is written off before the next is let go,
    /// since another instance may have it from then on.
    func releaseVolumes(at step: Operation.Step) async throws {
        guard let row else { return }
        let context = request.context.elevated()
        for element in BlockDevices(row).elements {
            guard let volume = element.volumeID, element.state != .reserved else { continue }
            do {
                let connector = try await driver.volumeConnector(for: row.instance)
                try await peers.volumes.terminateConnection(
                    volume, of: row.id, connector: connector, context: context)
                try await peers.volumes.detach(volume, from: row.id, context: context)
            } catch let fault as ComputeFault where fault.kind == .volumeNotFound {
                logger.warning(
                    "a volume of the instance is gone",
                    metadata: [LogKey.instance: .string(row.id.description), LogKey.error: .string(fault.message)])
            }
            try await commit(step) { change throws(ComputeFault) in
                change.amendBlockDevices { devices in
                    var released = element
                    released.connection = nil
                    released.state = .reserved
                    // What goes with the instance is remembered until it is gone.
                    devices[volume] = element.isDeletedOnTermination ? released : nil
                }
            }
        }
    }
}
