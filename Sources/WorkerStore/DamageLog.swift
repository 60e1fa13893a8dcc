// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Synchronization

/// What looks at rows have found damaged and the writer is to set aside, and what it has set aside.
final class DamageLog: Sendable {
    private struct State {
        /// Each place once: a damaged row is seen by every look at it until it is set aside.
        var known: Set<DamageFinding> = []
        var open: [DamageFinding] = []
        var onFinding: (@Sendable () -> Void)?
        var onSuspicion: (@Sendable () -> Void)?
        var rows: [QuarantinedRow] = []
        var instances: Set<InstanceID> = []
    }

    private let state = Mutex(State())
    /// Whether no instance is closed: the one look that every request costs.
    private let isClean = Atomic<Bool>(true)

    /// Says whom to tell that there is something to set aside.
    func onFinding(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.onFinding = body } }

    /// Says whom to tell, once, that SQLite can't read a page.
    func onSuspicion(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.onSuspicion = body } }

    /// Passes an error on, and notes where it says that the order of the database is damaged.
    func noting(_ error: any Error) -> StoreError {
        let error = StoreError.of(error)
        guard error.code == .damaged else { return error }
        let tell = state.withLock { state in
            defer { state.onSuspicion = nil }
            return state.onSuspicion
        }
        tell?()
        return error
    }

    func report(_ finding: DamageFinding) {
        let tell = state.withLock { state -> (@Sendable () -> Void)? in
            guard state.known.insert(finding).inserted else { return nil }
            state.open.append(finding)
            return state.onFinding
        }
        tell?()
    }

    var hasOpen: Bool { state.withLock { !$0.open.isEmpty } }

    /// What is to be set aside; who takes it does that, or keeps it for later.
    func taken() -> [DamageFinding] {
        state.withLock { state in
            defer { state.open = [] }
            return state.open
        }
    }

    /// Puts back what could not be set aside.
    func keep(_ findings: [DamageFinding]) { state.withLock { $0.open = findings + $0.open } }

    /// Forgets what was set aside: another row may come to stand at its place.
    func settle(_ findings: [DamageFinding]) {
        if !findings.isEmpty { state.withLock { $0.known.subtract(findings) } }
    }

    var rows: [QuarantinedRow] { state.withLock { $0.rows } }

    /// Whether an instance is closed.
    func contains(_ id: InstanceID) -> Bool {
        guard !isClean.load(ordering: .acquiring) else { return false }
        return state.withLock { $0.instances.contains(id) }
    }

    /// Takes over what a commit has set aside, or the tables held at start.
    func add(_ rows: [QuarantinedRow]) {
        guard !rows.isEmpty else { return }
        state.withLock { state in
            state.rows += rows
            for row in rows where row.closesInstance {
                if let id = row.instance { state.instances.insert(id) }
            }
            isClean.store(state.instances.isEmpty, ordering: .releasing)
        }
    }

    /// Forgets all about instances that a commit has released.
    func release(_ instances: [InstanceID]) {
        guard !instances.isEmpty, !isClean.load(ordering: .acquiring) else { return }
        let gone = Set(instances)
        state.withLock { state in
            state.rows.removeAll { $0.instance.map(gone.contains) ?? false }
            state.instances.subtract(gone)
            isClean.store(state.instances.isEmpty, ordering: .releasing)
        }
    }

    /// Forgets rows that a commit has removed for their age.
    func forget(_ ids: [Int64]) {
        guard !ids.isEmpty else { return }
        let gone = Set(ids)
        state.withLock { state in state.rows.removeAll { gone.contains($0.id) } }
    }
}
