// SPDX-License-Identifier: Apache-2.0

internal import CLibXML2

/// A RELAX NG schema, loaded once and used from any thread.
///
/// Loading libvirt's domain schema takes some ten milliseconds, a validation half of one.
public final class RelaxNGSchema: @unchecked Sendable {
    // Because libxml2 does not change a schema after xmlRelaxNGParse, and each validation has a context of its own.
    private let schema: xmlRelaxNGPtr

    /// Loads a schema and the files that it includes.
    ///
    /// - Parameter path: A trusted file, such as `/usr/share/libvirt/schemas/domain.rng`.
    public init(path: String) throws(XMLError) {
        XMLLibrary.schemaTypes
        var errors = cxml_errors()
        // Asked first, because libxml2 prints to stderr about a file that it can't open.
        guard xmlCheckFilename(path) == 1, let parser = xmlRelaxNGNewParserCtxt(path) else {
            throw XMLError(.schemaUnusable, "the schema \(path) can't be read")
        }
        defer { xmlRelaxNGFreeParserCtxt(parser) }
        let parsed = withUnsafeMutablePointer(to: &errors) { errors in
            cxml_collect_schema_errors(parser, errors)
            return xmlRelaxNGParse(parser)
        }
        guard let parsed else {
            throw XMLLibrary.error(.schemaUnusable, "the schema \(path) can't be used", &errors)
        }
        schema = parsed
    }

    deinit { xmlRelaxNGFree(schema) }

    /// Checks the document with `root` as its root element.
    ///
    /// - Throws: ``XMLError`` of code ``XMLError/Code/invalid`` when the document does not keep to the schema.
    public func validate(_ root: XMLElement) throws(XMLError) {
        let bytes = Array(try root.rendered(indented: false).utf8)
        let document = bytes.withUnsafeBytes { buffer in
            xmlReadMemory(
                buffer.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(buffer.count), nil, nil,
                Int32(XML_PARSE_NONET.rawValue))
        }
        guard let document else { throw XMLError(.libraryFailure, "libxml2 could not read what it wrote") }
        defer { xmlFreeDoc(document) }
        guard let validator = xmlRelaxNGNewValidCtxt(schema) else {
            throw XMLError(.libraryFailure, "libxml2 could not make a validation context")
        }
        defer { xmlRelaxNGFreeValidCtxt(validator) }
        var errors = cxml_errors()
        let result = withUnsafeMutablePointer(to: &errors) { errors in
            cxml_collect_validity_errors(validator, errors)
            return xmlRelaxNGValidateDoc(validator, document)
        }
        guard result == 0 else {
            throw XMLLibrary.error(.invalid, "the document does not keep to its schema", &errors)
        }
    }
}
