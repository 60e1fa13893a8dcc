// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// An image is written as `.<id>.part`, linked to its name, and listed by `<id>.json`, which is linked last: a name that
/// is taken is never overwritten, and what begins with a dot is no image.
extension LocalImageDirectory: ImageUploads {
    public func begin(_ text: String) async throws -> String {
        let directory = directory
        return try await uploads.run {
            let id = try Self.validated(text)
            let names = UploadNames(id, in: directory)
            guard ImageFile.makeDirectory(directory) else {
                throw ComputeFault(
                    .unavailable,
                    "The directory of images, which the option image_directory names, is not there and can't be made, "
                        + "or is no directory.", arguments: ["image_id": .string(text)])
            }
            try Self.discard(names, id)
            for path in [names.file, names.metadata] where ImageFile.exists(path) {
                throw Self.unacceptable(text, "there is an image of that id already")
            }
            return names.part
        }
    }

    public func publish(_ text: String, _ fields: JSONObject, at time: Timestamp) async throws {
        let directory = directory
        try await uploads.run {
            let id = try Self.validated(text)
            let names = UploadNames(id, in: directory)
            guard let format = fields["disk_format"]?.string else {
                throw Self.unacceptable(text, "its metadata has no disk_format, which is never guessed")
            }
            // What is listed can be built from: the same look as a build takes.
            let virtualSize = try Self.virtualSize(of: names.part, id: id, format: format)
            let size = try Self.look(at: names.part, id: id, bytes: 1).size
            var fields = fields
            fields["id"] = .string(text)
            fields["status"] = "active"
            fields["size"] = .number(JSONNumber(size))
            fields["virtual_size"] = .number(JSONNumber(virtualSize))
            fields["created_at"] = .string(time.iso)
            fields["updated_at"] = .string(time.iso)
            do throws(ImageFile.Failure) {
                try ImageFile.settle(names.part)
                try ImageFile.link(names.part, to: names.file)
                try ImageFile.write(JSONWriter.bytes(.object(fields)), to: names.metadataPart)
                try ImageFile.settle(directory)
                try ImageFile.link(names.metadataPart, to: names.metadata)
                try ImageFile.settle(directory)
            } catch {
                throw Self.fault(error, id)
            }
            ImageFile.remove(names.metadataPart)
            ImageFile.remove(names.part)
        }
    }

    public func discard(_ text: String) async throws {
        let directory = directory
        try await uploads.run {
            let id = try Self.validated(text)
            try Self.discard(UploadNames(id, in: directory), id)
        }
    }

    public func metadata(of text: String) async throws -> ImageMetadata? {
        let directory = directory
        return try await uploads.run {
            let id = try Self.validated(text)
            do {
                return try Self.metadata(of: id, in: directory)
            } catch let fault as ComputeFault where fault.kind == .imageNotFound {
                return nil
            }
        }
    }

    public func images(having values: JSONObject) async throws -> [ImageMetadata] {
        let directory = directory
        return try await uploads.run {
            let names: [String]
            do throws(ImageFile.Failure) { names = try ImageFile.names(in: directory) } catch {
                throw ComputeFault(.unavailable, "The image directory can't be read (\(Self.words(for: error))).")
            }
            // What can't be read is nobody's backup.
            let images = names.filter { $0.hasSuffix(".json") }.compactMap { name in
                ImageID(String(name.dropLast(5))).flatMap { try? Self.metadata(of: $0, in: directory) }
            }
            return images.filter { image in values.members.allSatisfy { image.fields[$0.key] == $0.value } }
                .sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
        }
    }

    public func delete(_ text: String) async throws {
        let directory = directory
        try await uploads.run {
            let id = try Self.validated(text)
            let names = UploadNames(id, in: directory)
            ImageFile.remove(names.metadata)
            ImageFile.remove(names.file)
            guard !ImageFile.exists(names.metadata), !ImageFile.exists(names.file) else {
                throw ComputeFault(
                    .unavailable, "Image \(id) can't be removed.", arguments: ["image_id": .string(text)])
            }
        }
    }

    /// Removes the parts, and the file where it is one of them under its name already without being listed.
    private static func discard(_ names: UploadNames, _ id: ImageID) throws(ComputeFault) {
        if !ImageFile.exists(names.metadata), ImageFile.isSame(names.part, names.file) {
            ImageFile.remove(names.file)
        }
        for path in [names.metadataPart, names.part] {
            ImageFile.remove(path)
            guard !ImageFile.exists(path) else {
                throw ComputeFault(
                    .unavailable, "What is left of image \(id) can't be removed.",
                    arguments: ["image_id": .string(id.description)])
            }
        }
    }

    private static func fault(_ failure: ImageFile.Failure, _ id: ImageID) -> ComputeFault {
        switch failure {
        case .taken: unacceptable(id.description, "there is an image of that id already")
        case .noSpace:
            ComputeFault(
                .computeResourcesUnavailable,
                "The image directory has no space left for image \(id); nothing of it was kept.",
                arguments: ["image_id": .string(id.description), "reason": "no space left"])
        default:
            ComputeFault(
                .unavailable, "Image \(id) can't be written (\(words(for: failure))).",
                arguments: ["image_id": .string(id.description)])
        }
    }
}

/// The names that an image has while it is made, and afterwards.
private struct UploadNames {
    let file: String
    let metadata: String
    let part: String
    let metadataPart: String

    init(_ id: ImageID, in directory: String) {
        file = "\(directory)/\(id)"
        metadata = "\(directory)/\(id).json"
        part = "\(directory)/.\(id).part"
        metadataPart = "\(directory)/.\(id).json.part"
    }
}

extension ImageMetadata {
    fileprivate var createdAt: String { fields["created_at"]?.string ?? "" }
}
