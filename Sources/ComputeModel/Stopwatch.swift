// SPDX-License-Identifier: Apache-2.0

extension Clock where Duration == Swift.Duration {
    /// Tells the time since now.
    public var stopwatch: @Sendable () -> Duration {
        let beginning = now
        return { beginning.duration(to: now) }
    }
}
