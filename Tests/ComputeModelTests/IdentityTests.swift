// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Testing

@Suite("Ids have one form")
struct IdentityTests {
    @Test("a uuid of either case is the same id, written in lower case")
    func lowerCase() throws {
        let text = "f53be0a8-2c05-413b-b16b-7b044ffa6469"
        let id = try #require(InstanceID(text))
        #expect(id == InstanceID(text.uppercased()))
        #expect(id.description == text)
        #expect(id.bits.hex == text.replacing("-", with: ""))
    }

    @Test(
        "only the 36 characters of a uuid make an id",
        arguments: [
            "", "f53be0a8-2c05-413b-b16b-7b044ffa646", "f53be0a82c05413bb16b7b044ffa6469",
            "f53be0a8-2c05-413b-b16b-7b044ffa646g", "{f53be0a8-2c05-413b-b16b-7b044ffa64}",
            "f53be0a8_2c05-413b-b16b-7b044ffa6469", "../../../../../../../../../../etc/pass",
            "f53be0a8-2c05-413b-b16b-7b044ffa6469 ",
        ])
    func refuses(text: String) {
        #expect(InstanceID(text) == nil)
    }

    @Test("fresh ids are of version 4 and do not repeat")
    func fresh() {
        let ids = (0..<1000).map { _ in RandomIdentifiers().next() }
        #expect(Set(ids).count == ids.count)
        for id in ids {
            let text = Array(id.dashed)
            #expect(text[14] == "4")
            #expect("89ab".contains(text[19]))
            #expect(InstanceID(id.dashed)?.bits == id)
        }
    }
}
