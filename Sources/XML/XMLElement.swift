// SPDX-License-Identifier: Apache-2.0

/// An element of an XML document: a value, without a tie to a document or to libxml2.
public struct XMLElement: Sendable, Hashable {
    /// The name and, where it has one, the namespace.
    public var name: XMLName
    /// The attributes in order.
    public var attributes: [XMLAttribute]
    /// Elements and text in order.
    public var children: [XMLNode]

    public init(_ name: XMLName, attributes: [XMLAttribute], children: [XMLNode] = []) {
        self.name = name
        self.attributes = attributes
        self.children = children
    }

    /// An element with attributes and text; an attribute whose value is nil is left out.
    public init(_ name: XMLName, _ attributes: KeyValuePairs<XMLName, String?> = [:], text: String? = nil) {
        self.init(
            name, attributes: attributes.compactMap { name, value in value.map { XMLAttribute(name, $0) } },
            children: text.map { [.text($0)] } ?? [])
    }

    /// An element with attributes and child elements; an attribute whose value is nil is left out.
    public init(
        _ name: XMLName, _ attributes: KeyValuePairs<XMLName, String?> = [:],
        @XMLBuilder elements: () throws -> [XMLElement]
    ) rethrows {
        self.init(name, attributes)
        children = try elements().map(XMLNode.element)
    }
}

/// What stands inside an element.
public enum XMLNode: Sendable, Hashable {
    case element(XMLElement)
    case text(String)
}

/// An attribute of an element.
public struct XMLAttribute: Sendable, Hashable {
    public var name: XMLName
    public var value: String

    public init(_ name: XMLName, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// The name of an element or an attribute.
public struct XMLName: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The name without its prefix.
    public let local: String
    /// The namespace; nil for none.
    public let namespace: XMLNamespace?

    public init(_ local: String, in namespace: XMLNamespace? = nil) {
        self.local = local
        self.namespace = namespace
    }

    public init(stringLiteral local: String) { self.init(local) }

    /// The name as it is written in a document, with its prefix.
    public var description: String {
        guard let prefix = namespace?.prefix else { return local }
        return "\(prefix):\(local)"
    }
}

/// A namespace and the prefix under which a document speaks of it.
public struct XMLNamespace: Sendable, Hashable {
    /// The prefix; nil for the default namespace.
    public let prefix: String?
    public let uri: String

    public init(prefix: String?, uri: String) {
        self.prefix = prefix
        self.uri = uri
    }

    /// The uri is the namespace; a prefix is only how one document spells it.
    public static func == (left: XMLNamespace, right: XMLNamespace) -> Bool { left.uri == right.uri }

    public func hash(into hasher: inout Hasher) { hasher.combine(uri) }
}

/// Collects child elements, with conditions, loops and optional elements.
@resultBuilder
public enum XMLBuilder {
    public static func buildExpression(_ element: XMLElement) -> [XMLElement] { [element] }
    public static func buildExpression(_ element: XMLElement?) -> [XMLElement] { element.map { [$0] } ?? [] }
    public static func buildExpression(_ elements: [XMLElement]) -> [XMLElement] { elements }
    public static func buildBlock(_ parts: [XMLElement]...) -> [XMLElement] { parts.flatMap { $0 } }
    public static func buildOptional(_ part: [XMLElement]?) -> [XMLElement] { part ?? [] }
    public static func buildEither(first part: [XMLElement]) -> [XMLElement] { part }
    public static func buildEither(second part: [XMLElement]) -> [XMLElement] { part }
    public static func buildArray(_ parts: [[XMLElement]]) -> [XMLElement] { parts.flatMap { $0 } }
}
