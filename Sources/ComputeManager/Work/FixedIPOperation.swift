// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// Where a change of an instance's addresses stands.
enum FixedIPStep: String, CaseIterable, Codable, Sendable, Hashable {
    /// The network service was asked, or is about to be.
    case asking
    /// The guest is told.
    case telling
}

/// An operation that gives an instance an address or takes one, and tells its guest.
protocol FixedIPOperation: InstanceOperation where Step == FixedIPStep, Output == JSONValue {
    /// The event's name without `.start` and `.end`.
    static var event: String { get }

    /// Asks the network service.
    static func ask(_ arguments: Arguments, _ instance: Instance, _ run: OperationRun<Self>) async throws

    /// Whether the network's answer shows that it was done, for work that is taken up again.
    static func isDone(_ arguments: Arguments, before: [JSONValue], now: [JSONValue]) -> Bool
}

extension FixedIPOperation {
    static var needs: [DriverOperation] { [] }
    static var events: [String] { ["\(event).start", "\(event).end"] }
    static func acceptance(of arguments: Arguments) -> AcceptanceRule { .none }
    static func json(_ output: JSONValue) -> JSONValue { output }
    /// The network service is asked what the instance has, since it would give a second address.
    static func recovery(at step: FixedIPStep) -> RecoveryRule { step == .asking ? .redoUnlessDone : .goOn }

    static func perform(
        _ arguments: Arguments, from step: FixedIPStep?, in run: OperationRun<Self>
    ) async throws -> Finished<JSONValue> {
        let arriving = instance(of: arguments)
        // Where there is no network service it is that which refuses, before anything is told.
        if run.services.peers.network is NoNetwork { try await ask(arguments, arriving, run) }
        if step == nil {
            // As the network service has it: what a restart compares with, which a row may be behind.
            let before = try await run.networkInfo(of: arriving)
            try await run.begin(arriving, .asking, accept: acceptance(of: arguments)) { change throws(ComputeFault) in
                change.amend { $0.networkInfo = before }
                change.notify("\(event).start")
            }
        }
        let known = run.row?.instance ?? arriving
        var network = step == nil ? [] : try await run.networkInfo(of: known)
        if step != .telling {
            let before = run.row?.networkInfo ?? []
            if step == nil || !isDone(arguments, before: before, now: network) {
                try run.checkInterruption()
                try await ask(arguments, known, run)
                network = try await run.networkInfo(of: known)
            }
            let found = network
            try await run.commit(.telling) { change throws(ComputeFault) in change.amend { $0.networkInfo = found } }
        }
        let guest = GuestRequest(
            instance: known, networkInfo: network, blockDevices: run.row?.guest.blockDevices ?? [])
        try await run.driver.injectNetworkInfo(guest, interruptedBy: run.token)
        try await run.driver.resetNetwork(known, interruptedBy: run.token)
        return try await run.finish(.null) { change throws(ComputeFault) in
            change.notify("\(event).end", extra: ["fixed_ips": InstancePayload.fixedIPs(change.row.networkInfo)])
        }
    }

    /// The addresses in a description of a network, in its order.
    static func addresses(_ network: [JSONValue]) -> [String] {
        (InstancePayload.fixedIPs(network).array ?? []).compactMap { $0["address"]?.string }
    }
}
