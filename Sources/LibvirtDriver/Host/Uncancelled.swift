// SPDX-License-Identifier: Apache-2.0

/// Runs clean-up, or what it is too late to take back, to its end even if the task was cancelled.
///
/// A task of its own, because a cancelled one can't make a call that heeds cancellation; awaited, so that it is no
/// looser than a call.
func uncancelled<Value: Sendable, Failure: Error>(
    _ body: @escaping @Sendable () async throws(Failure) -> Value
) async throws(Failure) -> Value {
    try await Task { () -> Result<Value, Failure> in
        do throws(Failure) { return .success(try await body()) } catch { return .failure(error) }
    }.value.get()
}
