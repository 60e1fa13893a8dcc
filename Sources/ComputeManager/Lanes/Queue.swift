// SPDX-License-Identifier: Apache-2.0

/// First in, first out, both in constant time.
struct Queue<Element: Sendable>: Sendable {
    private var elements: [Element?] = []
    private var head = 0

    var isEmpty: Bool { head == elements.count }

    var first: Element? { head < elements.count ? elements[head] : nil }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func popFirst() -> Element? {
        guard head < elements.count, let element = elements[head] else { return nil }
        elements[head] = nil
        head += 1
        if head == elements.count {
            elements.removeAll(keepingCapacity: head <= 64)
            head = 0
        } else if head >= 64, head * 2 >= elements.count {
            elements.removeFirst(head)
            head = 0
        }
        return element
    }

    func first(where isWanted: (Element) -> Bool) -> Element? {
        for case let element? in elements[head...] where isWanted(element) { return element }
        return nil
    }

    mutating func remove(where isUnwanted: (Element) -> Bool) {
        elements.removeSubrange(..<head)
        head = 0
        elements.removeAll { $0.map(isUnwanted) ?? false }
    }

    mutating func modifyAll(_ body: (inout Element) -> Void) {
        for index in head..<elements.count {
            guard var element = elements[index] else { continue }
            body(&element)
            elements[index] = element
        }
    }
}
