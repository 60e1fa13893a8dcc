// SPDX-License-Identifier: Apache-2.0

import Testing
import XML

@Suite("libvirt's RELAX NG schema")
struct RelaxNGSchemaTests {
    let schema: RelaxNGSchema

    init() throws { schema = try RelaxNGSchema(path: "/usr/share/libvirt/schemas/domain.rng") }

    func domain(memory: XMLName = "memory") -> XMLElement {
        XMLElement("domain", ["type": "qemu"]) {
            XMLElement("name", text: "one")
            XMLElement(memory, ["unit": "MiB"], text: "64")
            XMLElement("os") { XMLElement("type", ["arch": "x86_64"], text: "hvm") }
        }
    }

    @Test("accepts a domain")
    func valid() throws { try schema.validate(domain()) }

    @Test("refuses a misspelt element and names it")
    func misspelt() {
        #expect { try schema.validate(domain(memory: "memroy")) } throws: {
            guard let error = $0 as? XMLError else { return false }
            return error.code == .invalid && error.message.contains("memroy")
        }
    }

    @Test("is used from many threads at once")
    func threads() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<20 {
                group.addTask {
                    if number.isMultiple(of: 2) {
                        try schema.validate(domain())
                    } else {
                        #expect(throws: XMLError.self) { try schema.validate(domain(memory: "memroy")) }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("that is missing is an error that names the file")
    func missing() {
        #expect { try RelaxNGSchema(path: "/nonexistent.rng") } throws: {
            guard let error = $0 as? XMLError else { return false }
            return error.code == .schemaUnusable && error.message.contains("/nonexistent.rng")
        }
    }
}
