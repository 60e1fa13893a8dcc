// SPDX-License-Identifier: Apache-2.0

extension DriverScenario {
    /// One for each operation of the contract.
    public static let all: [DriverScenario] =
        core + power + disks + volumes + networks + resizing + liveMigration + questions + guests + hosts
}
