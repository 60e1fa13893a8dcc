// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that change a password inside a running guest.
public protocol PasswordSettingDriver: ComputeDriver {
    /// Sets the administrator's password. Nova: `set_admin_password`.
    func setAdminPassword(_ password: Secret<String>, of instance: Instance) async throws
}
