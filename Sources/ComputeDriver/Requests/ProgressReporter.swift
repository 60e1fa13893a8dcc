// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Hears from a long operation how far it is; cheap to call, from any thread.
public struct ProgressReporter: Sendable {
    /// How far a long operation is.
    public struct Progress: Sendable, Hashable {
        public let done: ByteCount
        /// Nil where it is not known; may grow, as a guest's memory is written while it is copied.
        public let total: ByteCount?

        public init(done: ByteCount, total: ByteCount?) {
            self.done = done
            self.total = total
        }
    }

    /// Tells nobody.
    public static let silent = ProgressReporter { _ in }

    private let body: @Sendable (Progress) -> Void

    public init(_ body: @escaping @Sendable (Progress) -> Void) { self.body = body }

    public func report(_ progress: Progress) { body(progress) }
}
