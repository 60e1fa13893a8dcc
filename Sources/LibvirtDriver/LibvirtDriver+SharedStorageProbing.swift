// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibvirtDriver: SharedStorageProbingDriver {
    public func leaveStorageMark(for instance: Instance) async throws -> JSONObject? {
        let name = ".storage-\(instance.id)-\(UInt64.random(in: .min ... .max))"
        try await leaveMark(name)
        return ["filename": .string(name)]
    }

    public func seesStorageMark(_ mark: JSONObject) async throws -> Bool {
        guard let name = markName(mark) else { return false }
        return try await seesMark(name)
    }

    public func removeStorageMark(_ mark: JSONObject) async throws {
        guard let name = markName(mark) else { return }
        try await removeMark(name)
    }

    /// The name that a mark has, if it is one of ours: it comes from another host, and names a file here.
    private func markName(_ mark: JSONObject) -> String? {
        guard let name = mark["filename"]?.string, name.hasPrefix(".storage-"), name.utf8.count <= 255,
            !name.contains("/")
        else { return nil }
        return name
    }

    func leaveMark(_ name: String) async throws {
        let directory = configuration.instancesPath
        try await host.files.run("leave a mark on the storage") { () throws(ComputeFault) in
            if mkdir(directory, 0o755) != 0, errno != EEXIST {
                throw ComputeFault(.hypervisorFailure, "The directory of the instances can't be made.")
            }
            let descriptor = open("\(directory)/\(name)", O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else {
                throw ComputeFault(.hypervisorFailure, "The directory of the instances can't be written to.")
            }
            close(descriptor)
        }
    }

    func seesMark(_ name: String) async throws -> Bool {
        let path = "\(configuration.instancesPath)/\(name)"
        return try await host.files.run("look for a mark on the storage") { () throws(ComputeFault) in
            var status = stat()
            return lstat(path, &status) == 0
        }
    }

    func removeMark(_ name: String) async throws {
        let path = "\(configuration.instancesPath)/\(name)"
        try await host.files.run("remove a mark from the storage") { () throws(ComputeFault) in
            guard unlink(path) == 0 || errno == ENOENT else {
                throw ComputeFault(.hypervisorFailure, "A mark on the storage can't be removed.")
            }
        }
    }
}
