// SPDX-License-Identifier: Apache-2.0

import Testing
import XML

@Suite("An XML element")
struct XMLElementTests {
    let nova = XMLNamespace(prefix: "nova", uri: "http://openstack.org/xmlns/libvirt/nova/1.0")

    @Test("is rendered with attributes, text and children in order")
    func rendering() throws {
        let element = XMLElement("domain", ["type": "qemu", "id": nil]) {
            XMLElement("name", text: "one")
            XMLElement("memory", ["unit": "KiB"], text: "2048")
            XMLElement("on_crash")
        }
        #expect(
            try element.rendered() == """
                <?xml version="1.0" encoding="UTF-8"?>
                <domain type="qemu">
                 <name>one</name>
                 <memory unit="KiB">2048</memory>
                 <on_crash/>
                </domain>

                """)
    }

    @Test(
        "comes back from its own text unchanged",
        arguments: [
            "plain", "a<b>&c;\"'", "]]>", "käse 💾", " leading and trailing ", "two\nlines\ttab",
            "&#x41; is no entity here", "<!-- nor a comment -->",
        ])
    func escaping(text: String) throws {
        let element = XMLElement("a", ["b": text], text: text)
        let parsed = try XMLElement(parsing: element.rendered(indented: false))
        #expect(parsed == element)
        #expect(parsed.text == text)
        #expect(parsed["b"] == text)
    }

    @Test("keeps a carriage return in text and attributes")
    func carriageReturn() throws {
        let element = XMLElement("a", ["b": "x\r\ny"], text: "x\r\ny")
        #expect(try XMLElement(parsing: element.rendered(indented: false)) == element)
    }

    @Test("declares a namespace once, on the outermost element that needs it")
    func namespaces() throws {
        let element = XMLElement("metadata") {
            XMLElement(XMLName("instance", in: nova)) {
                XMLElement(XMLName("name", in: nova), text: "one")
            }
        }
        let text = try element.rendered(indented: false)
        #expect(text.split(separator: "xmlns:").count == 2)
        #expect(
            text.contains("<nova:instance xmlns:nova=\"http://openstack.org/xmlns/libvirt/nova/1.0\"><nova:name>"))
        #expect(try XMLElement(parsing: text) == element)
    }

    @Test("keeps an element without a namespace out of its parent's default one")
    func defaultNamespace() throws {
        let space = XMLNamespace(prefix: nil, uri: "urn:one")
        let element = XMLElement(XMLName("outer", in: space)) { XMLElement("inner") }
        let parsed = try XMLElement(parsing: element.rendered(indented: false))
        #expect(parsed == element)
        #expect(parsed.elements.first?.name.namespace == nil)
    }

    @Test("refuses two namespaces under one prefix in one element")
    func namespaceConflict() {
        let other = XMLNamespace(prefix: "nova", uri: "urn:other")
        let element = XMLElement(XMLName("a", in: nova), attributes: [XMLAttribute(XMLName("b", in: other), "")])
        #expect(throws: XMLError.self) { try element.rendered() }
    }

    @Test("refuses text that XML can't express", arguments: ["a\u{0}b", "\u{1}", "\u{FFFE}", "\u{1B}[31m"])
    func invalidText(text: String) {
        #expect { try XMLElement("a", text: text).rendered() } throws: { ($0 as? XMLError)?.code == .invalidCharacter }
        #expect { try XMLElement("a", ["b": text]).rendered() } throws: {
            ($0 as? XMLError)?.code == .invalidCharacter
        }
        #expect(XMLElement.expressible(text).unicodeScalars.allSatisfy(XMLElement.canExpress))
    }

    @Test("refuses names that XML does not allow", arguments: ["", "a b", "a><b", "1a", "a:b", "a\u{0}"])
    func invalidNames(name: String) {
        #expect { try XMLElement(XMLName(name)).rendered() } throws: { ($0 as? XMLError)?.code == .invalidName }
        let attribute = XMLElement("a", attributes: [XMLAttribute(XMLName(name), "")])
        #expect { try attribute.rendered() } throws: { ($0 as? XMLError)?.code == .invalidName }
    }

    @Test("is asked by path")
    func query() throws {
        let element = try XMLElement(
            parsing: """
                <domain><devices><disk type='file'><source file='/a'/></disk><disk><source file='/b'/></disk>
                <serial><source path='/c'/></serial></devices></domain>
                """)
        #expect(element.all("devices/disk/source").map { $0["file"] } == ["/a", "/b"])
        #expect(element.first("devices/serial/source")?["path"] == "/c")
        #expect(element.all("devices/*/source").count == 3)
        #expect(element.first("devices/interface") == nil)
        #expect(element.descendants(named: "source").count == 3)
        #expect(element.first("devices/disk")?["type"] == "file")
    }
}
