// SPDX-License-Identifier: Apache-2.0

/// What was published on one channel and is not confirmed yet, by the broker's count from 1.
struct ConfirmTracker<Element> {
    private var entries: [Element?] = []
    private var head = 0
    private var firstTag: UInt64 = 1
    /// Unconfirmed messages.
    private(set) var count = 0

    /// Notes a published message; returns its tag.
    @discardableResult
    mutating func published(_ element: Element) -> UInt64 {
        entries.append(element)
        count += 1
        return firstTag + UInt64(entries.count - head - 1)
    }

    /// Takes out what a confirm settles, in order of publishing.
    mutating func confirm(_ tag: UInt64, multiple: Bool) -> [Element] {
        // Tag 0 with `multiple` means everything so far.
        let last = tag == 0 && multiple ? firstTag + UInt64(entries.count - head) - 1 : tag
        guard last >= firstTag, last - firstTag < UInt64(entries.count - head) else { return [] }
        let end = head + Int(last - firstTag)
        var settled: [Element] = []
        for index in (multiple ? head : end)...end {
            if let element = entries[index] {
                settled.append(element)
                entries[index] = nil
                count -= 1
            }
        }
        while head < entries.count, entries[head] == nil {
            head += 1
            firstTag += 1
        }
        if head >= 1024, head * 2 >= entries.count {
            entries.removeFirst(head)
            head = 0
        }
        return settled
    }

    /// The oldest unconfirmed message that fits.
    func first(where fits: (Element) -> Bool) -> Element? {
        for index in head..<entries.count {
            if let element = entries[index], fits(element) { return element }
        }
        return nil
    }

    /// Takes out everything, and begins to count anew.
    mutating func reset() -> [Element] {
        let rest = entries[head...].compactMap(\.self)
        self = ConfirmTracker()
        return rest
    }
}
