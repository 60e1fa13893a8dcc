// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver

extension LibvirtDriver: HostBootResumingDriver {
    /// libvirt keeps all that is plugged into a guest, saved memory included, so a start is all that there is to do.
    public func resumeStateOnHostBoot(_ request: GuestRequest) async throws { try await powerOn(request.instance) }
}
