// SPDX-License-Identifier: Apache-2.0

internal import CRabbitMQ

/// Puts a message together from its header and body frames; of a body over the cap only the beginning is kept.
struct ContentAssembler {
    /// How much of a body over the cap is kept.
    static let keptOfOversize = 4096

    struct Content {
        let properties: MessageProperties
        let body: [UInt8]
        /// As the header said it.
        let size: UInt64
    }

    private enum Phase { case idle, header, body }

    let maximumBodySize: Int
    private var phase = Phase.idle
    private var size: UInt64 = 0
    private var received: UInt64 = 0
    private var kept = 0
    private var body: [UInt8] = []
    private var properties = MessageProperties()

    init(maximumBodySize: Int) { self.maximumBodySize = maximumBodySize }

    /// A method frame that a header follows was read.
    mutating func begin() throws(BrokerError) {
        guard phase == .idle else { throw BrokerError(.protocolViolation, "a method came inside a message's content") }
        phase = .header
    }

    /// Returns the content when it is complete with this header.
    ///
    /// - Parameter keepsBody: false drops the body as it arrives.
    mutating func header(
        size: UInt64, properties: MessageProperties, keepsBody: Bool = true
    ) throws(BrokerError) -> Content? {
        guard phase == .header else { throw BrokerError(.protocolViolation, "a content header came without a method") }
        self.size = size
        self.properties = properties
        received = 0
        body = []
        if !keepsBody {
            kept = 0
        } else if size > UInt64(maximumBodySize) {
            kept = min(Self.keptOfOversize, maximumBodySize)
        } else {
            kept = Int(size)
        }
        guard size > 0 else { return finish() }
        phase = .body
        return nil
    }

    /// Returns the content when it is complete with this fragment.
    mutating func fragment(_ bytes: UnsafeRawBufferPointer) throws(BrokerError) -> Content? {
        guard phase == .body else { throw BrokerError(.protocolViolation, "a body frame came without a header") }
        received += UInt64(bytes.count)
        guard received <= size else { throw BrokerError(.protocolViolation, "a body is longer than its header said") }
        let missing = kept - body.count
        if missing > 0 {
            if body.isEmpty && bytes.count >= kept {
                // Rebased, for a slice of raw memory is copied byte by byte.
                body = Array(UnsafeRawBufferPointer(rebasing: bytes.prefix(kept)))
            } else {
                if body.isEmpty { body.reserveCapacity(kept) }
                body.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes.prefix(missing)))
            }
        }
        return received == size ? finish() : nil
    }

    private mutating func finish() -> Content {
        phase = .idle
        let content = Content(properties: properties, body: body, size: size)
        body = []
        return content
    }
}
