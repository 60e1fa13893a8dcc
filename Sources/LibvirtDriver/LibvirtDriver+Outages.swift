// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver

extension LibvirtDriver: OutageTellingDriver {
    public func outages() -> AsyncStream<String?> { host.outages.stream() }
}
