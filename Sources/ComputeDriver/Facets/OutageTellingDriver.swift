// SPDX-License-Identifier: Apache-2.0

/// Drivers whose hypervisor can be away while they are there.
public protocol OutageTellingDriver: ComputeDriver {
    /// Why the hypervisor can't be asked, nil where it can: how it is now, then each change.
    ///
    /// Each call begins a stream of its own; a slow reader misses what was between, never the last.
    func outages() -> AsyncStream<String?>
}
