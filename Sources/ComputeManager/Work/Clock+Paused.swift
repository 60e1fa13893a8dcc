// SPDX-License-Identifier: Apache-2.0

extension Clock where Duration == Swift.Duration {
    /// Sleeps; false where the task was cancelled before the time was over, the only way in which a sleep fails.
    @discardableResult
    func paused(for duration: Duration) async -> Bool {
        do {
            try await sleep(for: duration)
            return true
        } catch {
            return false
        }
    }
}
