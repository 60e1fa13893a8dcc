// SPDX-License-Identifier: Apache-2.0

internal import GRDB

/// Why the store did not do what was asked; nothing of the request was kept.
public struct StoreError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// The disk, or the limit that was set on the database, is full.
        case diskFull = "disk-full"
        /// The disk refuses to read or write.
        case inputOutput = "input-output"
        /// Another process holds the directory.
        case inUse = "in-use"
        /// The database was written by a newer version.
        case newerSchema = "newer-schema"
        /// What is in the file is no database of ours, or no longer one.
        case damaged
        /// The directory or a file in it can't be made, opened or kept private.
        case notAccessible = "not-accessible"
        /// A setting can't be used.
        case badConfiguration = "bad-configuration"
        /// No unfinished row has that id.
        case noSuchEntry = "no-such-entry"
        /// The store is closed.
        case closed
        /// Anything else that SQLite says.
        case database
    }

    public let code: Code
    /// What happened and what to do; holds no values of rows.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Whether the same request may succeed later without anybody changing the request.
    public var isRetriable: Bool {
        switch code {
        case .diskFull, .inputOutput, .database: true
        case .inUse, .newerSchema, .damaged, .notAccessible, .badConfiguration, .noSuchEntry, .closed: false
        }
    }

    public var description: String { "\(message) [\(code.rawValue)]" }
}

extension StoreError {
    /// An error of ours as it is, one of SQLite's in our terms.
    static func of(_ error: any Error) -> StoreError {
        if let error = error as? StoreError { return error }
        guard let error = error as? DatabaseError else { return StoreError(.database, "the database failed") }
        // The statement's text and values stay out: `message` is SQLite's own sentence.
        let words = error.message ?? "result code \(error.extendedResultCode.rawValue)"
        switch error.resultCode {
        case .SQLITE_FULL:
            return StoreError(
                .diskFull, "the worker's database can't grow: the disk is full (\(words)); free some space")
        case .SQLITE_IOERR:
            return StoreError(.inputOutput, "the disk of the worker's database failed (\(words)); check the disk")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            return StoreError(
                .damaged,
                "the worker's database is damaged (\(words)); keep a copy of the directory, then restore or remove it")
        case .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
            return StoreError(
                .notAccessible, "the worker's database can't be opened for writing (\(words)); check owner and mode")
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            return StoreError(.database, "the worker's database is held by another program (\(words))")
        default:
            return StoreError(.database, "the worker's database failed (\(words))")
        }
    }
}
