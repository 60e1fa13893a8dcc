// SPDX-License-Identifier: Apache-2.0

internal import CLibXML2

extension XMLElement {
    /// Reads a document and returns its root element.
    ///
    /// Nothing is fetched, no entity is expanded, and a document type declaration ends the parse where it stands.
    /// Comments and processing instructions are dropped; text, also between elements, is kept as it is. libxml2's own
    /// limits hold (256 levels of elements, 10 MB for one text).
    ///
    /// - Parameter maximumBytes: The length from which a document is refused unread.
    public init(
        parsing document: some Collection<UInt8>, maximumBytes: Int = 10 << 20
    ) throws(XMLError) {
        guard document.count <= maximumBytes, document.count <= Int(Int32.max) else {
            throw XMLError(.tooLarge, "the document is longer than \(maximumBytes) bytes")
        }
        XMLLibrary.initialized
        guard let parser = xmlNewParserCtxt() else {
            throw XMLError(.libraryFailure, "libxml2 could not make a parser")
        }
        defer { xmlFreeParserCtxt(parser) }
        cxml_forbid_doctype(parser)
        let options =
            XML_PARSE_NONET.rawValue | XML_PARSE_NOERROR.rawValue | XML_PARSE_NOWARNING.rawValue
            | XML_PARSE_NOCDATA.rawValue
        let bytes = Array(document)
        let parsed = bytes.withUnsafeBytes { buffer in
            xmlCtxtReadMemory(
                parser, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(buffer.count), nil, nil,
                Int32(options))
        }
        defer { if let parsed { xmlFreeDoc(parsed) } }
        if cxml_had_doctype(parser) != 0 {
            throw XMLError(.doctypeForbidden, "the document has a document type declaration, which is not accepted")
        }
        guard let parsed, let root = xmlDocGetRootElement(parsed) else {
            var errors = cxml_errors()
            cxml_last_error(parser, &errors)
            throw XMLLibrary.error(.malformed, "the document is not well formed", &errors)
        }
        self = Self.element(root)
    }

    /// Reads a document of text, as ``init(parsing:maximumBytes:)-(Collection<UInt8>,_)`` does.
    public init(parsing document: String, maximumBytes: Int = 10 << 20) throws(XMLError) {
        try self.init(parsing: Array(document.utf8), maximumBytes: maximumBytes)
    }

    private static func element(_ node: xmlNodePtr) -> XMLElement {
        var attributes: [XMLAttribute] = []
        var attribute = node.pointee.properties
        while let current = attribute {
            let value = xmlNodeListGetString(node.pointee.doc, current.pointee.children, 1)
            attributes.append(
                XMLAttribute(
                    name(current.pointee.name, current.pointee.ns), XMLLibrary.string(value) ?? ""))
            if let value { cxml_free(value) }
            attribute = current.pointee.next
        }
        var children: [XMLNode] = []
        var child = node.pointee.children
        while let current = child {
            switch current.pointee.type {
            case XML_ELEMENT_NODE: children.append(.element(element(current)))
            case XML_TEXT_NODE, XML_CDATA_SECTION_NODE:
                children.append(.text(XMLLibrary.string(current.pointee.content) ?? ""))
            default: break
            }
            child = current.pointee.next
        }
        return XMLElement(name(node.pointee.name, node.pointee.ns), attributes: attributes, children: children)
    }

    private static func name(_ local: UnsafePointer<xmlChar>?, _ namespace: xmlNsPtr?) -> XMLName {
        let space = namespace.flatMap { space in
            XMLLibrary.string(space.pointee.href).map {
                XMLNamespace(prefix: XMLLibrary.string(space.pointee.prefix), uri: $0)
            }
        }
        return XMLName(XMLLibrary.string(local) ?? "", in: space)
    }
}
