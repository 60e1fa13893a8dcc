// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ComputeService

@Suite("nova.conf is read in oslo.config's dialect")
struct ConfigurationFileTests {
    private func file(_ text: String) -> INIFile { INIFile(path: "x.conf", bytes: Array(text.utf8)) }

    private func values(_ text: String) -> [String] {
        file(text).entries.map { "\($0.name.group)/\($0.name.key)=\($0.value)@\($0.line)" }
    }

    @Test("An equals sign or a colon divides key and value, whichever comes first")
    func dividers() {
        #expect(
            values("[DEFAULT]\na = 1\nb: 2\nc=x:y\nd:x=y\n") == [
                "DEFAULT/a=1@2", "DEFAULT/b=2@3", "DEFAULT/c=x:y@4", "DEFAULT/d=x=y@5",
            ])
    }

    @Test("Comments begin at the start of a line only")
    func comments() {
        #expect(values("# one\n[DEFAULT]\n;two\na = 1 # not a comment\n") == ["DEFAULT/a=1 # not a comment@4"])
    }

    @Test("A line that begins with a blank continues the value, until an empty line")
    func continuation() {
        #expect(values("[DEFAULT]\na = 1\n  2\n\t3\nb = 4\n") == ["DEFAULT/a=1\n2\n3@2", "DEFAULT/b=4@5"])
        let broken = file("[DEFAULT]\na = 1\n\n  2\n")
        #expect(broken.entries.map(\.value) == ["1"])
        #expect(
            broken.faults.map(\.description) == [
                "x.conf:4: the line begins with a blank, and there is no value above it to continue"
            ])
    }

    @Test("One pair of quotes around a value is taken off")
    func quotes() {
        #expect(
            values("[DEFAULT]\na = \"x y \"\nb = 'z'\nc = \"d\nd = '\ne = ''\n") == [
                "DEFAULT/a=x y @2", "DEFAULT/b=z@3", "DEFAULT/c=\"d@4", "DEFAULT/d=@5", "DEFAULT/e=@6",
            ])
    }

    @Test("Groups are case-insensitive, DEFAULT is exact, keys are exact")
    func names() {
        #expect(values("[LibVirt]\nVirt_Type = kvm\n[DEFAULT]\na=1\n") == ["libvirt/Virt_Type=kvm@2", "DEFAULT/a=1@4"])
        #expect(OptionName("default", "a") != OptionName("DEFAULT", "a"))
    }

    @Test("Carriage returns, a byte order mark and a last line without its end are taken")
    func lineEnds() {
        let bytes = [0xEF, 0xBB, 0xBF] + Array("[DEFAULT]\r\na = 1\r\nb = 2".utf8)
        #expect(INIFile(path: "x", bytes: bytes).entries.map(\.value) == ["1", "2"])
    }

    @Test("Every line that cannot be read is told, with its number, and the rest is read")
    func faults() {
        let text = "early = 1\n[DEFAULT\n[]\n[DEFAULT]\nnonsense\n= 3\na = 1\n"
        let broken = INIFile(path: "x.conf", bytes: Array(text.utf8) + [0xFF, 0x0A])
        #expect(broken.entries.map(\.value) == ["1"])
        #expect(
            broken.faults.map(\.description) == [
                "x.conf:1: 'early' stands before the first section; write [DEFAULT] above it",
                "x.conf:2: the section's closing bracket is missing; write [name] alone on its line",
                "x.conf:3: the section has no name",
                "x.conf:5: there is neither '=' nor ':' in the line; write key = value",
                "x.conf:6: there is no key before the '='",
                "x.conf:8: the line is not UTF-8",
            ])
    }
}
