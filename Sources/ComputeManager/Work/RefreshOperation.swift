// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// Where an operation stands that has the driver do again what it may do any number of times.
enum RefreshStep: String, CaseIterable, Codable, Sendable, Hashable {
    /// The driver was asked, or is about to be.
    case refreshing
}

/// An operation that has the driver tell a guest, or its filters, what holds now; no state changes, no event tells it.
protocol RefreshOperation: InstanceOperation
where Arguments == InstanceArguments, Step == RefreshStep, Output == JSONValue {
    /// Whether the network service is asked first what the instance has.
    static var asksNetwork: Bool { get }

    /// Asks the driver; the row is as fresh as the network service has it.
    static func refresh(_ guest: GuestRequest, in run: OperationRun<Self>) async throws
}

extension RefreshOperation {
    static var asksNetwork: Bool { true }
    static var events: [String] { [] }
    static func instance(of arguments: InstanceArguments) -> Instance { arguments.instance }
    static func acceptance(of arguments: InstanceArguments) -> AcceptanceRule { .none }
    static func json(_ output: JSONValue) -> JSONValue { output }
    /// Telling twice is telling once.
    static func recovery(at step: RefreshStep) -> RecoveryRule { .goOn }

    static func perform(
        _ arguments: InstanceArguments, from step: RefreshStep?, in run: OperationRun<Self>
    ) async throws -> Finished<JSONValue> {
        if ignoresAbsence {
            if run.row == nil, try await run.driver.info(arguments.instance.id) == nil {
                return try await run.finishUntouched(.null)
            }
            try run.driver.require(needs, instance: arguments.instance.id)
        }
        if step == nil {
            try await run.begin(arguments.instance, .refreshing, accept: acceptance(of: arguments)) { _ in }
        }
        let network =
            asksNetwork ? try await run.networkInfo(of: arguments.instance) : run.row?.networkInfo ?? []
        try run.checkInterruption()
        let row = run.row
        try await refresh(
            GuestRequest(
                instance: row?.instance ?? arguments.instance, networkInfo: network,
                blockDevices: row?.guest.blockDevices ?? []), in: run)
        return try await run.finish(.null) { change throws(ComputeFault) in
            change.amend { $0.networkInfo = network }
        }
    }

    /// It took no task, and nova reverts none.
    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) {}
}
