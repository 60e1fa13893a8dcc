// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// What the periodic tasks work with.
struct PeriodicSurroundings: Sendable {
    let services: ManagerServices
    let dispatcher: Dispatcher
    let configuration: PeriodicConfiguration
    let time: SteadyTime

    var own: OwnRequests { OwnRequests(services: services, work: dispatcher) }

    var context: RequestContext {
        .admin(requestID: "req-\(services.identifiers.next().dashed)", at: services.events.clock.now())
    }

    /// Why an operation can't be had; nil where it can.
    func obstacle(to method: String) -> String? {
        guard let operation = services.dialects.operation(of: method) else { return "the worker serves no \(method)" }
        return operation.needs.first { !$0.isImplemented(by: services.driver.kind) }.map { obstacle(to: $0) }
    }

    func obstacle(to operation: DriverOperation) -> String { "the driver has no \(operation.rawValue)" }

    /// This host's instances that have had their states for so long.
    func rows(
        stoodStillFor age: Duration = .zero, where condition: @Sendable (Instance) -> Bool = { _ in true }
    ) async throws -> [StoredInstance] {
        try await services.read { try $0.instances() }.filter { row in
            row.instance.host == services.configuration.host && condition(row.instance)
                && (age == .zero || time.age(of: row.stateSince ?? row.updatedAt) >= age)
        }
    }

    /// Changes a row in its instance's lane, in one commit with what is told of it; nothing where it is gone.
    ///
    /// Returns when it was done, or when the worker stops first.
    func change(
        _ id: InstanceID, _ body: @escaping @Sendable (inout InstanceChange) -> Bool
    ) async throws -> Bool {
        let (answers, answer) = AsyncStream<Result<Bool, any Error>>.makeStream()
        let (services, context) = (services, context)
        dispatcher.visit(id) {
            do {
                let isDone = try await services.write { transaction in
                    guard let row = try transaction.instance(id) else { return false }
                    var change = InstanceChange(row: row, context: context, events: services.events)
                    guard body(&change) else { return false }
                    for message in services.encoder.messages(of: change) { try transaction.enqueue(message) }
                    try transaction.save(change.row)
                    return true
                }
                answer.yield(.success(isDone))
            } catch {
                answer.yield(.failure(error))
            }
            answer.finish()
        }
        for await result in answers { return try result.get() }
        throw CancellationError()
    }
}
