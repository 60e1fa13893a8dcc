// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AMQP

@Suite("What a publisher remembers of its declarations")
struct DeclarationMemoryTests {
    private func exchange(_ number: Int) -> Declaration { .exchange(Exchange(name: "reply\(number)", kind: .direct)) }

    @Test("It is bounded however many there are, and always holds the latest")
    func bounded() {
        var memory = DeclarationMemory(limit: 10)
        for number in 0..<1000 {
            memory.insert(exchange(number))
            #expect(memory.contains(exchange(number)))
            #expect(memory.count <= 10)
        }
    }

    @Test("What came back undelivered is forgotten, and nothing else")
    func forgotten() {
        var memory = DeclarationMemory()
        for number in 0..<5 { memory.insert(exchange(number)) }
        memory.forget([exchange(1), exchange(3), exchange(77)])
        #expect((0..<5).map { memory.contains(exchange($0)) } == [true, false, true, false, true])
        memory.forgetAll()
        #expect(memory.count == 0)
    }
}
