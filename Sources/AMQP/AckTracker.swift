// SPDX-License-Identifier: Apache-2.0

/// Which deliveries of one channel are not settled yet, and which frames settle those that are finished.
///
/// `multiple` must name a tag that is still unacknowledged: naming one that was settled before closes the channel
/// with 406. So a frame names the highest one of the finished prefix that this flush settles.
struct AckTracker {
    struct Frame: Equatable {
        let tag: UInt64
        let multiple: Bool
    }

    private enum Phase: UInt8 { case outstanding, finished, settled }

    private struct Entry {
        var phase: Phase
        var bytes: UInt32
    }

    private var entries: [Entry] = []
    /// Index of the entry that `firstTag` names.
    private var head = 0
    private var firstTag: UInt64 = 1

    /// Bodies of what is not settled, in bytes.
    private(set) var outstandingBytes = 0
    private(set) var outstandingCount = 0

    /// Notes a delivery; the broker counts tags up by one.
    mutating func delivered(_ tag: UInt64, bytes: Int) {
        if head == entries.count {
            entries.removeAll(keepingCapacity: true)
            head = 0
            firstTag = tag
        }
        entries.append(Entry(phase: .outstanding, bytes: UInt32(clamping: bytes)))
        outstandingBytes += Int(UInt32(clamping: bytes))
        outstandingCount += 1
    }

    /// The frames that acknowledge these tags; unknown and settled ones are passed over.
    mutating func acknowledge(_ tags: some Collection<UInt64>) -> [Frame] {
        for tag in tags {
            guard let index = index(of: tag), entries[index].phase == .outstanding else { continue }
            finish(index, as: .finished)
        }
        var frames: [Frame] = []
        var highest: UInt64?
        var count = 0
        while head < entries.count, entries[head].phase != .outstanding {
            if entries[head].phase == .finished {
                highest = firstTag
                count += 1
            }
            head += 1
            firstTag += 1
        }
        if let highest { frames.append(Frame(tag: highest, multiple: count > 1)) }
        for tag in tags {
            guard let index = index(of: tag), entries[index].phase == .finished else { continue }
            entries[index].phase = .settled
            frames.append(Frame(tag: tag, multiple: false))
        }
        compact()
        return frames
    }

    /// Notes that a tag is being rejected; false if it is unknown or settled, and no frame may be sent.
    mutating func reject(_ tag: UInt64) -> Bool {
        guard let index = index(of: tag), entries[index].phase == .outstanding else { return false }
        finish(index, as: .settled)
        while head < entries.count, entries[head].phase == .settled {
            head += 1
            firstTag += 1
        }
        compact()
        return true
    }

    private func index(of tag: UInt64) -> Int? {
        guard tag >= firstTag, tag - firstTag < UInt64(entries.count - head) else { return nil }
        return head + Int(tag - firstTag)
    }

    private mutating func finish(_ index: Int, as phase: Phase) {
        entries[index].phase = phase
        outstandingBytes -= Int(entries[index].bytes)
        outstandingCount -= 1
    }

    private mutating func compact() {
        guard head >= 1024, head * 2 >= entries.count else { return }
        entries.removeFirst(head)
        head = 0
    }
}
