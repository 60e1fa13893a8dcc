// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A qcow2 file that holds what a guest writes over an image that stays as it is.
struct DiskOverlay: Sendable {
    let path: String
    let basePath: String
    let baseFormat: Format
    /// In bytes.
    let size: Int64

    /// A format of images, under QEMU's name.
    enum Format: String, Sendable, Hashable {
        case raw
        case qcow2

        /// The format of an image by its metadata; the file is never asked.
        init(of image: ImageMetadata, instance: InstanceID) throws(ComputeFault) {
            switch image.diskFormat {
            case "raw", "ami", "aki", "ari": self = .raw
            case "qcow2": self = .qcow2
            default:
                let reason = "the libvirt driver boots raw and qcow2 images, not '\(image.diskFormat)'"
                throw ComputeFault(
                    .imageUnacceptable, "Image \(image.id) is unacceptable: \(reason)", instance: instance,
                    arguments: ["image_id": .string(image.id), "reason": .string(reason)])
            }
        }
    }

    /// The size of the root disk in bytes: what the flavor says, never less than what the image holds.
    static func size(rootGiB: Int, imageSize: Int64) -> Int64 { max(Int64(rootGiB) << 30, imageSize) }

    /// The words of the command; both formats are stated, because one that is guessed is the guest's choice.
    var command: [String] {
        [
            "qemu-img", "create", "-q", "-f", "qcow2", "-F", baseFormat.rawValue, "-b", basePath, path, String(size),
        ]
    }

    /// Makes the file, readable for its owner alone; on the file lane.
    func make(instance: InstanceID, within deadline: Duration, cpuSeconds: Int, memory: Int) throws(ComputeFault) {
        let limits = ["prlimit", "--cpu=\(cpuSeconds)", "--as=\(memory)", "--"]
        let outcome = Subprocess(dyingWithUs: limits + command).run(within: deadline)
        let problem: String
        switch outcome.ending {
        case .exit(0):
            guard chmod(path, 0o600) == 0 else {
                throw ComputeFault(.hypervisorFailure, "The disk's mode can't be set.", instance: instance)
            }
            return
        // Its words are known: it runs with LC_ALL=C.
        case .exit where outcome.output.contains("No space left on device")
            || outcome.output.contains("Disk quota exceeded"):
            throw .instancesDirectoryFull(instance)
        case .exit(127), .unstartable: problem = "qemu-img can't be run; is qemu-utils installed?"
        case .exit(let status):
            problem = "qemu-img ended with status \(status): \(SafeText.withoutPaths(outcome.output))"
        case .signal(let signal): problem = "qemu-img was ended by signal \(signal), perhaps over its limits."
        case .timeout: problem = "qemu-img did not end within \(deadline)."
        }
        throw ComputeFault(.hypervisorFailure, "The root disk can't be made: \(problem)", instance: instance)
    }
}
