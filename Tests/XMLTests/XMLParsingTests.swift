// SPDX-License-Identifier: Apache-2.0

import Testing
import XML

@Suite("Parsing XML")
struct XMLParsingTests {
    @Test("refuses an entity bomb without expanding it", .timeLimit(.minutes(1)))
    func entityBomb() {
        var bomb = "<!DOCTYPE bomb [<!ENTITY e0 \"0123456789\">"
        for level in 1...12 {
            bomb += "<!ENTITY e\(level) \"" + String(repeating: "&e\(level - 1);", count: 10) + "\">"
        }
        bomb += "]><bomb at=\"&e12;\">&e12;</bomb>"
        #expect { try XMLElement(parsing: bomb) } throws: { ($0 as? XMLError)?.code == .doctypeForbidden }
    }

    @Test("refuses a document that wants a file of the host")
    func externalEntity() {
        let text = "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>"
        #expect { try XMLElement(parsing: text) } throws: { ($0 as? XMLError)?.code == .doctypeForbidden }
    }

    @Test(
        "refuses a document type declaration of any form",
        arguments: [
            "<!DOCTYPE a><a/>", "<!DOCTYPE a SYSTEM \"http://127.0.0.1:1/a.dtd\"><a/>",
            "<!DOCTYPE a PUBLIC \"p\" \"http://127.0.0.1:1/a.dtd\" [<!ATTLIST a b CDATA \"c\">]><a/>",
        ])
    func doctype(text: String) {
        #expect { try XMLElement(parsing: text) } throws: { ($0 as? XMLError)?.code == .doctypeForbidden }
    }

    @Test(
        "says where a malformed document is wrong",
        arguments: [
            "", "<a>", "<a></b>", "<a b=c/>", "<a/><b/>", "<a>&undefined;</a>", "text", "<a>\u{0}</a>",
        ])
    func malformed(text: String) {
        #expect { try XMLElement(parsing: text) } throws: {
            guard let error = $0 as? XMLError else { return false }
            return error.code == .malformed && !error.message.isEmpty
        }
    }

    @Test("refuses bytes that are no UTF-8")
    func invalidUTF8() {
        #expect { try XMLElement(parsing: Array("<a>".utf8) + [0xFF, 0xFE] + Array("</a>".utf8)) } throws: {
            ($0 as? XMLError)?.code == .malformed
        }
    }

    @Test("refuses nesting without end", .timeLimit(.minutes(1)))
    func nesting() {
        let text = String(repeating: "<a>", count: 10_000) + String(repeating: "</a>", count: 10_000)
        #expect { try XMLElement(parsing: text) } throws: { ($0 as? XMLError)?.code == .malformed }
    }

    @Test("refuses what is longer than the caller allows")
    func tooLarge() {
        #expect { try XMLElement(parsing: "<a>0123456789</a>", maximumBytes: 16) } throws: {
            ($0 as? XMLError)?.code == .tooLarge
        }
    }

    @Test("takes CDATA as text and drops comments and instructions")
    func kinds() throws {
        let element = try XMLElement(parsing: "<a><?p i?><!-- c --><![CDATA[<x>]]></a>")
        #expect(element.text == "<x>")
        #expect(element.elements.isEmpty)
    }

    @Test("works from many threads at once")
    func threads() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<50 {
                group.addTask {
                    let element = XMLElement("a") { XMLElement("b", text: "\(number)") }
                    let parsed = try XMLElement(parsing: element.rendered(indented: false))
                    #expect(parsed.first("b")?.text == "\(number)")
                }
            }
            try await group.waitForAll()
        }
    }
}
