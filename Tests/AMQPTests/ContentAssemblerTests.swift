// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AMQP

@Suite("Bodies are put together from frames")
struct ContentAssemblerTests {
    private func assemble(_ fragments: [[UInt8]], size: UInt64, cap: Int) throws -> ContentAssembler.Content? {
        var assembler = ContentAssembler(maximumBodySize: cap)
        try assembler.begin()
        var content = try assembler.header(size: size, properties: .json)
        for fragment in fragments {
            #expect(content == nil)
            content = try fragment.withUnsafeBytes { bytes throws(BrokerError) in try assembler.fragment(bytes) }
        }
        return content
    }

    @Test("Fragments of any size make the whole body")
    func whole() throws {
        let body = (0..<1000).map { UInt8(truncatingIfNeeded: $0) }
        let fragments = [Array(body[..<1]), Array(body[1..<700]), Array(body[700...])]
        let content = try assemble(fragments, size: 1000, cap: 1000)
        #expect(content?.body == body)
        #expect(try assemble([], size: 0, cap: 10)?.body == [])
    }

    @Test("Of a body over the cap the first 4 KiB and the size are kept")
    func oversize() throws {
        let fragments = (0..<10).map { [UInt8](repeating: UInt8($0), count: 1000) }
        let content = try assemble(fragments, size: 10_000, cap: 9999)
        #expect(content?.body == Array(fragments.joined().prefix(4096)))
        #expect(content?.size == 10_000)
    }

    @Test("Frames out of order, and a body longer than announced, are errors")
    func violations() throws {
        var assembler = ContentAssembler(maximumBodySize: 10)
        #expect(throws: BrokerError.self) { _ = try assembler.header(size: 1, properties: .json) }
        try assembler.begin()
        #expect(throws: BrokerError.self) { try assembler.begin() }
        #expect(throws: BrokerError.self) { _ = try assemble([[1, 2, 3]], size: 2, cap: 10) }
    }
}
