// SPDX-License-Identifier: Apache-2.0

extension XMLElement {
    /// The child elements in order.
    public var elements: [XMLElement] {
        children.compactMap { if case .element(let element) = $0 { element } else { nil } }
    }

    /// The text that stands directly in this element, its pieces joined.
    public var text: String {
        children.reduce(into: "") { if case .text(let text) = $1 { $0 += text } }
    }

    /// The value of the attribute of this name without a namespace.
    public subscript(attribute: String) -> String? {
        attributes.first { $0.name.local == attribute && $0.name.namespace == nil }?.value
    }

    /// The elements at the end of a path of local names, in document order: `devices/disk/source`; `*` is any name.
    ///
    /// Namespaces are not looked at.
    public func all(_ path: String) -> [XMLElement] {
        var found = [self]
        for step in path.split(separator: "/") {
            found = found.flatMap { $0.elements.filter { step == "*" || $0.name.local == step } }
        }
        return found
    }

    /// The first element at the end of a path of local names, as ``all(_:)`` finds it.
    public func first(_ path: String) -> XMLElement? { all(path).first }

    /// Every element below this one that has the local name, in document order, whatever its depth.
    public func descendants(named name: String) -> [XMLElement] {
        elements.flatMap { ($0.name.local == name ? [$0] : []) + $0.descendants(named: name) }
    }
}
