// SPDX-License-Identifier: Apache-2.0

/// Runs clean-up to its end even if the task that failed was cancelled.
///
/// A task of its own, because a cancelled one can't make a call that heeds cancellation; awaited, so that it is no
/// looser than a call.
func uncancelled<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) async -> Value {
    await Task { await body() }.value
}
