// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// Boots an instance from a rescue image, with its own disk as the second. Nova: `rescue_instance`.
///
/// No power state shows a rescue: after a restart the driver is asked again and takes a repeat for done.
enum RescueInstance: TransitionOperation {
    struct Arguments: Sendable {
        let instance: Instance
        let password: Secret<String>?
    }

    struct Preparation: Sendable {
        let image: LocalImage?
        let networkInfo: [JSONValue]
        let rescue: Rescue
    }

    static let name = OperationName(rawValue: "rescue_instance")
    static let summary = "boots an instance from a rescue image, with its own disk as the second"
    static let needsRoom = true
    static let transition = Transition(
        call: .rescue, task: .rescuing, expected: [.rescuing], finalState: .rescued, doneWhen: nil,
        failsIntoError: true)

    static func instance(of arguments: Arguments) -> Instance { arguments.instance }

    static func prepare(_ arguments: Arguments, in run: OperationRun<Self>) async throws -> Preparation {
        let instance = arguments.instance
        let images = run.services.configuration.rescueImages
        let reference = images.imageID ?? run.row?.instance.imageRef ?? instance.imageRef
        // An image of the operator's comes with a kernel of its own, or none.
        let isOwn = images.imageID == nil
        let image = try await run.image(
            reference, kernelID: images.kernelID ?? (isOwn ? instance.kernelID : nil),
            ramdiskID: images.ramdiskID ?? (isOwn ? instance.ramdiskID : nil), of: instance.id)
        return Preparation(
            image: image, networkInfo: try await run.networkInfo(of: instance),
            rescue: Rescue(imageRef: reference, since: run.services.events.clock.now(), password: arguments.password))
    }

    static func begin(_ preparation: Preparation, _ change: inout InstanceChange) {
        change.amend { row in
            row.networkInfo = preparation.networkInfo
            preparation.rescue.write(to: &row)
        }
    }

    static func ask(_ instance: Instance, _ preparation: Preparation, _ run: OperationRun<Self>) async throws {
        try await run.driver.rescue(
            RescueRequest(
                instance: instance, image: preparation.image, password: preparation.rescue.password,
                networkInfo: preparation.networkInfo, blockDevices: run.row?.guest.blockDevices ?? []),
            interruptedBy: run.token)
    }
}
