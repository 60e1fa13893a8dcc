// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeManager
internal import ComputeModel
internal import Foundation
internal import ImageService

/// Volumes that are files of this host: `<directory>/<uuid>` is the volume, raw, which the operator makes.
///
/// `<uuid>.attached` names the instance that has it, so that no other gets it, also from another host that has the
/// directory: from before the volume is plugged in, and with its device once it is. The files are looked at on a thread of their own: the directory may be one of a network file system.
struct LocalVolumes: VolumePort {
    private let files: VolumeFiles
    private let thread = FileThread(name: "volumes")

    init(directory: String) { files = VolumeFiles(directory: directory) }

    func initializeConnection(
        _ volumeID: String, for instance: InstanceID, connector: VolumeConnector, context: RequestContext
    ) async throws -> Secret<JSONObject> {
        try await thread.run { [files] in try files.connection(volumeID, for: instance) }
    }

    func attach(
        _ volumeID: String, to instance: Instance, deviceName: String, context: RequestContext
    ) async throws {
        try await thread.run { [files] in try files.attach(volumeID, to: instance.id, deviceName) }
    }

    func detach(_ volumeID: String, from instance: InstanceID, context: RequestContext) async throws {
        try await thread.run { [files] in try files.detach(volumeID, from: instance) }
    }

    func terminateConnection(
        _ volumeID: String, of instance: InstanceID, connector: VolumeConnector, context: RequestContext
    ) async throws {
        try await thread.run { [files] in try files.endConnection(volumeID, of: instance) }
    }

    func delete(_ volumeID: String, context: RequestContext) async throws {
        try await thread.run { [files] in try files.delete(volumeID) }
    }
}

/// The files themselves; every call may wait for a disk.
private struct VolumeFiles: Sendable {
    let directory: String

    func connection(_ volumeID: String, for instance: InstanceID) throws(ComputeFault) -> Secret<JSONObject> {
        let path = try existing(volumeID)
        try hold(path, volumeID, for: instance)
        return Secret(["driver_volume_type": "local", "data": ["device_path": .string(path), "format": "raw"]])
    }

    func attach(_ volumeID: String, to instance: InstanceID, _ deviceName: String) throws(ComputeFault) {
        let path = try existing(volumeID)
        try hold(path, volumeID, for: instance)
        let told: JSONObject = ["instance_uuid": .string(instance.description), "device_name": .string(deviceName)]
        guard write(told, Self.record(path)) else {
            throw ComputeFault(
                .storeFailure, "The record of volume \(volumeID) can't be written; look into local_volumes_path.",
                instance: instance)
        }
    }

    func detach(_ volumeID: String, from instance: InstanceID) throws(ComputeFault) {
        let path = try path(of: volumeID)
        if let holder = record(path)?["instance_uuid"]?.string, holder != instance.description { return }
        try remove(Self.record(path), "record of volume", volumeID)
    }

    /// Gives back what was only held; another host's connection to a volume that the instance has is no matter of it.
    func endConnection(_ volumeID: String, of instance: InstanceID) throws(ComputeFault) {
        let path = try path(of: volumeID)
        guard let record = record(path), record["instance_uuid"]?.string == instance.description,
            record["device_name"] == nil
        else { return }
        try remove(Self.record(path), "record of volume", volumeID)
    }

    /// Makes the volume the instance's; who comes second does not get it.
    private func hold(_ path: String, _ volumeID: String, for instance: InstanceID) throws(ComputeFault) {
        // Linked where none is, so that the record is whole from the first moment on.
        let (own, record) = ("\(Self.record(path))-\(instance)", Self.record(path))
        let isWritten = write(["instance_uuid": .string(instance.description)], own)
        defer { try? FileManager.default.removeItem(atPath: own) }
        if isWritten, (try? FileManager.default.linkItem(atPath: own, toPath: record)) != nil { return }
        guard self.record(path)?["instance_uuid"]?.string == instance.description else {
            throw .invalid(
                "Volume \(volumeID) is attached to another instance, or its record can't be kept; detach it there.",
                instance: instance)
        }
    }

    private func write(_ record: JSONObject, _ path: String) -> Bool {
        (try? Data(JSONWriter.bytes(.object(record))).write(to: URL(filePath: path), options: .atomic)) != nil
    }

    func delete(_ volumeID: String) throws(ComputeFault) {
        let path = try path(of: volumeID)
        guard !FileManager.default.fileExists(atPath: Self.record(path)) else {
            throw .invalid("Volume \(volumeID) is attached and is not deleted.")
        }
        guard isVolume(path) else { return }
        try remove(path, "volume", volumeID)
    }

    private func remove(_ path: String, _ what: String, _ volumeID: String) throws(ComputeFault) {
        guard FileManager.default.fileExists(atPath: path) else { return }
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            throw ComputeFault(
                .storeFailure, "The \(what) \(volumeID) can't be removed; look into local_volumes_path.")
        }
    }

    private func existing(_ volumeID: String) throws(ComputeFault) -> String {
        let path = try path(of: volumeID)
        guard isVolume(path) else { throw Self.notFound(volumeID) }
        return path
    }

    /// The file of a volume. An id that is no uuid names none, whatever path it may spell.
    private func path(of volumeID: String) throws(ComputeFault) -> String {
        guard let id = InstanceID(volumeID) else { throw Self.notFound(volumeID) }
        return "\(directory)/\(id)"
    }

    private func isVolume(_ path: String) -> Bool {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        switch attributes?[.type] as? FileAttributeType {
        case FileAttributeType.typeRegular?, FileAttributeType.typeBlockSpecial?: return true
        default: return false
        }
    }

    private func record(_ path: String) -> JSONValue? {
        let bytes = FileManager.default.contents(atPath: Self.record(path)).map { [UInt8]($0) }
        return bytes.flatMap { try? JSONParser.parse($0) }
    }

    private static func record(_ path: String) -> String { path + ".attached" }

    private static func notFound(_ volumeID: String) -> ComputeFault {
        let id = String(volumeID.prefix(100))
        return ComputeFault(
            .volumeNotFound, "Volume \(id) could not be found.", arguments: ["volume_id": .string(id), "code": 404])
    }
}
