// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// A result that one task leaves for another.
final class Outcome<Output: Sendable>: Sendable {
    private let result = Mutex<Result<Output, any Error>?>(nil)

    var value: Result<Output, any Error>? { result.withLock { $0 } }

    func set(_ value: Result<Output, any Error>) { result.withLock { $0 = value } }
}
