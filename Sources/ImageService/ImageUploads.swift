// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Where images go that are made on this host.
///
/// An image is listed when its file and its metadata are whole and on the disk, and not before: what a crash leaves of
/// one is removed by whoever begins it again. Faults name no path.
public protocol ImageUploads: Sendable {
    /// Makes room for an image: what an earlier attempt left is removed.
    ///
    /// - Returns: the absolute path of the file that is to be written; it is not there, its directory is.
    /// - Throws: ``ComputeFault`` of kind `imageUnacceptable` where there is an image of that id, or where it can't name
    ///   one.
    func begin(_ id: String) async throws -> String

    /// Lists the image whose file was written.
    ///
    /// - Parameter fields: its metadata with Glance v2's keys; `id`, `size`, `status` and the times are set here.
    /// - Throws: `imageUnacceptable` where the file is not what its `disk_format` says, `computeResourcesUnavailable`
    ///   where there is no space left.
    func publish(_ id: String, _ fields: JSONObject, at time: Timestamp) async throws

    /// Removes what was written of an image that is not listed; success if there is nothing.
    func discard(_ id: String) async throws

    /// The metadata of a listed image; nil where there is none.
    func metadata(of id: String) async throws -> ImageMetadata?

    /// The listed images whose metadata have all these values, the oldest first: by `created_at`, then by id.
    func images(having values: JSONObject) async throws -> [ImageMetadata]

    /// Removes a listed image; success if there is none.
    func delete(_ id: String) async throws
}

/// Where images come from and go to.
public typealias ImageLibrary = ImageService & ImageUploads
