// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Images in a directory of this host: `<id>` is the file, `<id>.json` its metadata with Glance v2's keys.
///
/// `disk_format` is mandatory and believed, but held against the file: a qcow2 that reaches beyond itself (backing
/// file, external data file, encryption, unknown features) is refused, and so is a "raw" file that begins like another
/// format.
/// Sizes and formats are looked up for every build, so a file may be replaced by renaming a new one over it.
public struct LocalImageDirectory: ImageService {
    private static let metadataLimit = 1 << 20

    let directory: String
    private let thread = FileThread(name: "images")
    /// Bringing a whole image to the disk takes its time, for which no build waits.
    let uploads = FileThread(name: "image-uploads")

    /// - Parameter path: the absolute path of the directory.
    public init(path: String) {
        directory = path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    public func image(_ id: String, kernelID: String?, ramdiskID: String?) async throws -> LocalImage {
        let directory = directory
        return try await thread.run {
            try Self.load(id, kernelID: kernelID, ramdiskID: ramdiskID, in: directory)
        }
    }

    private static func load(
        _ text: String, kernelID: String?, ramdiskID: String?, in directory: String
    ) throws(ComputeFault) -> LocalImage {
        let id = try validated(text)
        let metadata = try metadata(of: id, in: directory)
        let path = "\(directory)/\(id)"
        let size = try virtualSize(of: path, id: id, format: metadata.diskFormat)
        let kernel = try (kernelID ?? metadata.kernelID).map { id throws(ComputeFault) in
            try companion(id, "kernel", in: directory)
        }
        let ramdisk = try (ramdiskID ?? metadata.ramdiskID).map { id throws(ComputeFault) in
            try companion(id, "RAM disk", in: directory)
        }
        return LocalImage(metadata: metadata, path: path, virtualSize: size, kernelPath: kernel, ramdiskPath: ramdisk)
    }

    static func validated(_ text: String) throws(ComputeFault) -> ImageID {
        guard let id = ImageID(text) else {
            throw unacceptable(text, "its id is not one that can name a file of the image directory")
        }
        return id
    }

    static func metadata(of id: ImageID, in directory: String) throws(ComputeFault) -> ImageMetadata {
        let bytes: [UInt8]
        do {
            bytes = try ImageFile.contents(of: "\(directory)/\(id).json", limit: metadataLimit)
        } catch .missing {
            throw notFound(id)
        } catch {
            throw unacceptable(id.description, "its metadata can't be read (\(words(for: error)))")
        }
        guard let fields = (try? JSONParser.parse(bytes))?.object else {
            throw unacceptable(id.description, "its metadata is not a JSON object")
        }
        return try ImageMetadata(id: id.description, glance: fields)
    }

    static func virtualSize(
        of path: String, id: ImageID, format: String
    ) throws(ComputeFault) -> Int64 {
        let file = try look(at: path, id: id, bytes: QCOW2Header.wantedBytes)
        switch format {
        case "qcow2":
            do {
                return try QCOW2Header(file.head).virtualSize
            } catch {
                throw unacceptable(id.description, "\(error)")
            }
        case "raw", "ami", "aki", "ari":
            if let foreign = ForeignFormat.found(in: file.head) {
                throw unacceptable(
                    id.description, "it is said to be \(format), but begins like a \(foreign.rawValue) file")
            }
            return file.size
        default:
            throw unacceptable(id.description, "its disk_format '\(format)' is not one of raw, qcow2, ami, aki, ari")
        }
    }

    private static func companion(_ text: String, _ role: String, in directory: String) throws(ComputeFault) -> String {
        let id = try validated(text)
        let path = "\(directory)/\(id)"
        let file = try look(at: path, id: id, bytes: ForeignFormat.wantedBytes)
        guard file.size > 0 else { throw unacceptable(id.description, "it is to be a \(role), but is empty") }
        if let foreign = ForeignFormat.found(in: file.head) {
            throw unacceptable(id.description, "it is to be a \(role), but begins like a \(foreign.rawValue) file")
        }
        return path
    }

    static func look(at path: String, id: ImageID, bytes: Int) throws(ComputeFault) -> ImageFile {
        do {
            return try ImageFile.look(at: path, bytes: bytes)
        } catch .missing {
            throw notFound(id)
        } catch {
            throw unacceptable(id.description, "its file can't be used (\(words(for: error)))")
        }
    }

    static func words(for failure: ImageFile.Failure) -> String {
        switch failure {
        case .missing: "it is missing"
        case .notRegular: "it is not a regular file"
        case .unreadable(let code): "error \(code)"
        case .tooLarge: "it is too large"
        case .taken: "its name is another's"
        case .noSpace: "there is no space left"
        }
    }

    private static func notFound(_ id: ImageID) -> ComputeFault {
        ComputeFault(
            .imageNotFound, "Image \(id) could not be found.",
            arguments: ["image_id": .string(id.description), "code": 404])
    }

    static func unacceptable(_ id: String, _ reason: String) -> ComputeFault {
        ComputeFault(
            .imageUnacceptable, "Image \(id) is unacceptable: \(reason)",
            arguments: ["image_id": .string(id), "reason": .string(reason)])
    }
}
