// SPDX-License-Identifier: Apache-2.0

/// Drivers that know their host's address.
public protocol HostAddressDriver: ComputeDriver {
    /// The address that other hosts reach it by. Nova: `get_host_ip_addr`.
    func hostAddress() async throws -> String
}
