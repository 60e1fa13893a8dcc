// SPDX-License-Identifier: Apache-2.0

/// What was declared on a connection and need not be declared again; bounded, because the exchange of each Folsom reply
/// is one more.
struct DeclarationMemory {
    private var declared: Set<Declaration> = []
    private let limit: Int

    init(limit: Int = 1024) { self.limit = max(1, limit) }

    var count: Int { declared.count }

    func contains(_ declaration: Declaration) -> Bool { declared.contains(declaration) }

    /// Declaring twice does no harm, so when there are too many all are forgotten.
    mutating func insert(_ declaration: Declaration) {
        if declared.count >= limit { declared.removeAll(keepingCapacity: true) }
        declared.insert(declaration)
    }

    mutating func forget(_ declarations: [Declaration]) { declared.subtract(declarations) }

    mutating func forgetAll() { declared.removeAll(keepingCapacity: true) }
}
