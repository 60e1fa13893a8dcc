// SPDX-License-Identifier: Apache-2.0

internal import CLibXML2

/// libxml2's state of the whole process.
enum XMLLibrary {
    /// Initialised once, before the first use on any thread, as libxml2's manual asks of programs with threads.
    static let initialized: Void = xmlInitParser()

    /// The types of RELAX NG schemas, which libxml2 fills in with the first schema that is loaded: two threads that load
    /// their first ones at once would find half of them.
    static let schemaTypes: Void = {
        initialized
        xmlSchemaInitTypes()
        xmlRelaxNGInitTypes()
    }()

    /// A Swift string of a libxml2 string; nil stays nil.
    static func string(_ text: UnsafePointer<xmlChar>?) -> String? {
        text.map { String(cString: $0) }
    }

    /// An error that libxml2 described.
    static func error(_ code: XMLError.Code, _ what: String, _ errors: inout cxml_errors) -> XMLError {
        let detail = String(cString: cxml_text(&errors))
        return XMLError(
            code, detail.isEmpty ? what : "\(what): \(detail)", line: errors.line > 0 ? Int(errors.line) : nil)
    }
}
