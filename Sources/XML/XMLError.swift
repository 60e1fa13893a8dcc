// SPDX-License-Identifier: Apache-2.0

/// Why a document could not be written, read or accepted.
public struct XMLError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What sort of failure this is.
    public enum Code: Sendable, Hashable {
        /// A name that XML does not allow.
        case invalidName
        /// Text with a character that XML 1.0 can't express, such as NUL.
        case invalidCharacter
        /// Two namespaces under one prefix in one element, or a prefixed one without a uri.
        case namespaceConflict
        /// The bytes are no well-formed document.
        case malformed
        /// The document has a document type declaration, which none of our peers sends and attackers love.
        case doctypeForbidden
        /// The document is longer than the caller allows.
        case tooLarge
        /// The document does not keep to the schema.
        case invalid
        /// The schema itself can't be read.
        case schemaUnusable
        /// libxml2 gave up, for instance for want of memory.
        case libraryFailure
    }

    public let code: Code
    /// What happened, in a sentence; holds names of elements, never text of the document.
    public let message: String
    /// The line of the document, where one is to blame.
    public let line: Int?

    init(_ code: Code, _ message: String, line: Int? = nil) {
        self.code = code
        self.message = message
        self.line = line
    }

    public var description: String { line.map { "\(message) (line \($0))" } ?? message }
}
