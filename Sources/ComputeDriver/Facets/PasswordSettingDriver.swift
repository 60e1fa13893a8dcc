// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that change a password inside a running guest.
public protocol PasswordSettingDriver: ComputeDriver {
    /// Sets the administrator's password. Nova: `set_admin_password`.
    ///
    /// - Throws: `unsupportedOperation` for a guest that has nobody who could do it, and that is asked no more;
    ///   `instancePasswordSetFailed` for one that may do it later. The message of the one and the `reason` of the
    ///   other are told to everybody: they quote nothing of what the guest said.
    func setAdminPassword(_ password: Secret<String>, of instance: Instance) async throws
}
