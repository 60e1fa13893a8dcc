// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

extension OperationRun {
    /// The instance's interfaces as the network service describes them now; where nobody is asked, as the row has them.
    func networkInfo(of instance: Instance) async throws -> [JSONValue] {
        guard asksNetwork, driver.kind.acceptedSpawnArguments.contains(.networks) else { return row?.networkInfo ?? [] }
        return try await peers.network.networkInfo(
            of: row?.instance ?? instance, context: request.context.elevated())
    }
}
