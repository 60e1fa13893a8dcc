// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A disk's file that this driver makes or rewrites with qemu-img; every method belongs on a lane for files.
struct DiskImage: Sendable {
    let path: String
    let instance: InstanceID
    let limits: Limits

    /// What a run of the tool may take.
    struct Limits: Sendable {
        let deadline: Duration
        /// Nil for a run that copies a disk, whose time is its size's.
        let cpuSeconds: Int?
        let memory: Int
        /// Ends the run.
        var flag = Flag()

        var words: [String] {
            ["prlimit"] + (cpuSeconds.map { ["--cpu=\($0)"] } ?? []) + ["--as=\(memory)", "--"]
        }
    }

    /// Makes an empty qcow2 disk, readable for its owner alone.
    func makeEmpty(size: Int64) throws(ComputeFault) {
        try run(["qemu-img", "create", "-q", "-f", "qcow2", path, String(size)], to: "be made")
        chmod(path, 0o600)
    }

    /// Makes a raw disk with an empty file system that guests know by nova's label.
    func makeEphemeral(size: Int64) throws(ComputeFault) {
        try makeHole(size: size)
        try run(["mkfs.ext4", "-q", "-F", "-L", "ephemeral0", path], to: "be made")
    }

    /// Makes a raw disk to swap to.
    func makeSwap(size: Int64) throws(ComputeFault) {
        try makeHole(size: size)
        try run(["mkswap", path], to: "be made")
    }

    /// Makes an empty raw disk.
    func makeHole(size: Int64) throws(ComputeFault) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw ComputeFault(.hypervisorFailure, "A disk's file can't be made.", instance: instance)
        }
        defer { close(descriptor) }
        guard ftruncate(descriptor, off_t(size)) == 0 else {
            throw ComputeFault(.hypervisorFailure, "A disk's file can't be made so large.", instance: instance)
        }
    }

    /// Copies a disk that nobody writes to, what is below it included, into this one.
    func copy(from source: String, format: DiskOverlay.Format, told: (@Sendable (Double) -> Void)? = nil)
        throws(ComputeFault)
    {
        let command = ["qemu-img", "convert", "-p", "-f", format.rawValue, "-O", "qcow2", source, path]
        try run(command, to: "be copied") { text in
            // "    (12.34/100%)", over and over on one line.
            guard let open = text.lastIndex(of: "("), let slash = text[open...].firstIndex(of: "/"),
                let percent = Double(text[text.index(after: open)..<slash].drop { $0 == " " })
            else { return }
            told?(percent)
        }
        chmod(path, 0o600)
    }

    /// Copies a file as it is, holes left out.
    func copyFile(from source: String) throws(ComputeFault) {
        try run(["cp", "--sparse=always", "--reflink=auto", "--preserve=mode", "--", source, path], to: "be copied")
    }

    /// Gives a disk that nobody uses more room.
    func grow(to size: Int64, format: DiskOverlay.Format) throws(ComputeFault) {
        try run(["qemu-img", "resize", "-q", "-f", format.rawValue, path, String(size)], to: "grow")
    }

    private func run(
        _ command: [String], to purpose: String, hearing: ((String) -> Void)? = nil
    ) throws(ComputeFault) {
        let flag = limits.flag
        let outcome = Subprocess(dyingWithUs: limits.words + command)
            .run(within: limits.deadline, isEnded: { flag.isSet }, hearing: hearing)
        let problem: String
        switch outcome.ending {
        case .exit(0): return
        // Its words are known: it runs with LC_ALL=C.
        case .exit where outcome.output.contains("No space left on device")
            || outcome.output.contains("Disk quota exceeded"):
            throw .instancesDirectoryFull(instance)
        case .exit(127), .unstartable: problem = "\(command[0]) can't be run; is it installed?"
        case .exit(let status):
            problem = "\(command[0]) ended with status \(status): \(SafeText.withoutPaths(outcome.output))"
        case .signal(let signal): problem = "\(command[0]) was ended by signal \(signal), perhaps over its limits."
        case .timeout: problem = flag.isSet ? "it was given up." : "it did not end within \(limits.deadline)."
        }
        throw ComputeFault(.hypervisorFailure, "The disk can't \(purpose): \(problem)", instance: instance)
    }
}

extension LibvirtDriver {
    /// Works on disks' files as long as that takes; a cancelled task has it ended.
    func withDiskTools<Value: Sendable>(
        _ what: String, _ body: @escaping @Sendable (DiskImage.Limits) throws(ComputeFault) -> Value
    ) async throws -> Value {
        let limits = DiskImage.Limits(
            deadline: configuration.transferDeadline, cpuSeconds: nil, memory: configuration.imageToolMemory)
        return try await withTaskCancellationHandler {
            do {
                return try await host.copies.run(what, within: configuration.transferDeadline + .seconds(30)) {
                    () throws(ComputeFault) in try body(limits)
                }
            } catch {
                try Task.checkCancellation()
                throw error
            }
        } onCancel: {
            limits.flag.set()
        }
    }
}
