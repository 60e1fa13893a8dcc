// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Logging

extension OperationRun {
    /// Fails on the first wish that the driver can't honour or nobody can grant, unless the operator lets it be dropped
    /// with a warning.
    ///
    /// - Parameter reason: why nobody grants a wish that the driver honours; nil where somebody does.
    func refuse(
        _ wishes: Set<SpawnArgument>, of id: InstanceID,
        ungranted reason: (SpawnArgument) -> ComputeFault? = { _ in nil }
    ) throws(ComputeFault) {
        let accepted = driver.kind.acceptedSpawnArguments
        for wish in SpawnArgument.allCases where wishes.contains(wish) {
            let refusal =
                accepted.contains(wish)
                ? reason(wish)
                : .invalid(
                    "The \(driver.kind.name) driver can't honour '\(wish)'; ask for an instance without it, or have "
                        + "the operator list it as ignorable.", instance: id)
            guard let refusal else { continue }
            guard services.configuration.ignorableSpawnArguments.contains(wish) else { throw refusal }
            logger.warning(
                "a wish of the build is ignored, as configured",
                metadata: [
                    LogKey.instance: .string(id.description), LogKey.argument: .string(wish.rawValue),
                ])
        }
    }
}

extension Instance {
    /// What the instance itself asks for beyond the plain guest.
    var wishes: Set<SpawnArgument> {
        var wishes: Set<SpawnArgument> = []
        if wantsConfigDrive { wishes.insert(.configDrive) }
        if userData != nil { wishes.insert(.userData) }
        if ephemeralGiB > 0 { wishes.insert(.ephemeralDisk) }
        if flavor?["swap"]?.int ?? 0 > 0 { wishes.insert(.swapDisk) }
        return wishes
    }
}
