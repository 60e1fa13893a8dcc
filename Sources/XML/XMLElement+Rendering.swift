// SPDX-License-Identifier: Apache-2.0

internal import CLibXML2

extension XMLElement {
    /// The document with this element as its root, as UTF-8 text with an XML declaration, written by libxml2.
    ///
    /// A namespace is declared on the outermost element that needs it. Indentation changes no text: libxml2 indents
    /// only elements that hold elements alone.
    ///
    /// - Throws: ``XMLError`` for names and characters that XML can't express.
    public func rendered(indented: Bool = true) throws(XMLError) -> String {
        XMLLibrary.initialized
        guard let buffer = xmlBufferCreate() else {
            throw XMLError(.libraryFailure, "libxml2 could not make a buffer")
        }
        defer { xmlBufferFree(buffer) }
        // The writer does not own the buffer (xmlNewTextWriterMemory), so each is freed on its own, the writer first.
        guard let writer = xmlNewTextWriterMemory(buffer, 0) else {
            throw XMLError(.libraryFailure, "libxml2 could not make a writer")
        }
        do {
            defer { xmlFreeTextWriter(writer) }
            xmlTextWriterSetIndent(writer, indented ? 1 : 0)
            try Self.check(xmlTextWriterStartDocument(writer, nil, "UTF-8", nil))
            try write(to: writer, scope: [:])
            try Self.check(xmlTextWriterEndDocument(writer))
        }
        return XMLLibrary.string(xmlBufferContent(buffer)) ?? ""
    }

    private static func check(_ result: Int32) throws(XMLError) {
        guard result >= 0 else { throw XMLError(.libraryFailure, "libxml2 could not write the document") }
    }

    private func write(to writer: xmlTextWriterPtr, scope outer: [String: String]) throws(XMLError) {
        try Self.validate(name)
        var scope = outer
        var declarations: [XMLNamespace] = []
        for namespace in [name.namespace] + attributes.map(\.name.namespace) {
            guard let namespace else { continue }
            let prefix = namespace.prefix ?? ""
            if scope[prefix] == namespace.uri { continue }
            if declarations.contains(where: { $0.prefix == namespace.prefix }) || namespace.uri.isEmpty {
                throw XMLError(
                    .namespaceConflict, "element '\(name)' has two namespaces under one prefix, or one without a uri")
            }
            try Self.validate(text: namespace.uri, of: name)
            scope[prefix] = namespace.uri
            declarations.append(namespace)
        }
        if name.namespace == nil, let inherited = scope[""], !inherited.isEmpty {
            scope[""] = ""
            declarations.append(XMLNamespace(prefix: nil, uri: ""))
        }
        try Self.check(xmlTextWriterStartElement(writer, name.description))
        for declaration in declarations {
            let attribute = declaration.prefix.map { "xmlns:\($0)" } ?? "xmlns"
            try Self.check(xmlTextWriterWriteAttribute(writer, attribute, declaration.uri))
        }
        for attribute in attributes {
            try Self.validate(attribute.name)
            try Self.validate(text: attribute.value, of: attribute.name)
            try Self.check(xmlTextWriterWriteAttribute(writer, attribute.name.description, attribute.value))
        }
        for child in children {
            switch child {
            case .element(let element): try element.write(to: writer, scope: scope)
            case .text(let text):
                try Self.validate(text: text, of: name)
                try Self.check(xmlTextWriterWriteString(writer, text))
            }
        }
        try Self.check(xmlTextWriterEndElement(writer))
    }

    private static func validate(_ name: XMLName) throws(XMLError) {
        for part in [name.local, name.namespace?.prefix] {
            guard let part else { continue }
            // A NUL would end the name early in C.
            guard !part.utf8.contains(0), xmlValidateNCName(part, 0) == 0 else {
                throw XMLError(.invalidName, "a name of an element or attribute is one that XML does not allow")
            }
        }
    }

    private static func validate(text: String, of name: XMLName) throws(XMLError) {
        guard text.unicodeScalars.allSatisfy(canExpress) else {
            throw XMLError(.invalidCharacter, "the text of '\(name)' holds a character that XML can't express")
        }
    }
}
