// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel
internal import Libvirt

extension LibvirtDriver: PasswordSettingDriver {
    public func setAdminPassword(_ password: Secret<String>, of instance: Instance) async throws {
        let id = instance.id
        try requireWriting(id)
        let domain = try await domain(id)
        try await requireAnswering(id)
        let user = instance.osType?.lowercased() == "windows" ? "Administrator" : "root"
        do {
            let hasAgent = try await host.withConnection(for: id) { _ throws(LibvirtError) in
                do throws(LibvirtError) { try await domain.setPassword(password.reveal(), of: user) } catch {
                    guard error.code == .argumentUnsupported else { throw error }
                    return false
                }
                return true
            }
            guard hasAgent else {
                throw ComputeFault(
                    .unsupportedOperation,
                    "the guest has no agent that could set a password; its image needs hw_qemu_guest_agent",
                    instance: id)
            }
        } catch let fault as ComputeFault where fault.kind == .hypervisorFailure {
            let reason = "the guest's agent did not do it; is it there (hw_qemu_guest_agent) and running?"
            throw ComputeFault(
                .instancePasswordSetFailed, "Failed to set the admin password of instance \(id): \(reason)",
                instance: id, arguments: ["instance": .string(id.description), "reason": .string(reason)],
                isRetriable: true)
        }
    }
}
