// SPDX-License-Identifier: Apache-2.0

@testable import ComputeManager
import Testing

@Suite("What is kept of a message that can't be taken in")
struct HeadMaskTests {
    private func masked(_ text: String) -> String { String(decoding: HeadMask.masked(Array(text.utf8)), as: UTF8.self) }

    @Test(
        "has no secret in it, in whatever shape and wherever it ends",
        arguments: [
            (#"{"a": 1, "new_pass": "SECRET", "b": [2]}"#, #"{"a": 1, "new_pass": ***, "b": [2]}"#),
            (#"{"new_pass":"SEC\"RET\\\\","b":"c"}"#, #"{"new_pass":***,"b":"c"}"#),
            (#"{"_context_auth_token" : "SECRET"}"#, #"{"_context_auth_token" : ***}"#),
            (#"{"Admin_Password": 12345}"#, #"{"Admin_Password": ***}"#),
            (#"{"injected_files": [["/a", "SECRET}]"], []], "b": {}}"#, #"{"injected_files": ***, "b": {}}"#),
            (#"{"slave_info": {"password": "SECRET"}, "b": 1}"#, #"{"slave_info": ***, "b": 1}"#),
            (#"{"new_pass": null, "token": true}"#, #"{"new_pass": null, "token": true}"#),
            (#"{"new_pass": "SECRE"#, #"{"new_pass": ***"#),
            (#"{"injected_files": [["/a", "SECR"#, #"{"injected_files": ***"#),
            (#"{"new_pass"  "#, #"{"new_pass"  "#),
            (#"{"key_name": "k", "my": "token"}"#, #"{"key_name": "k", "my": "token"}"#),
            (#"{"X-Auth-Token2": "SECRET"}"#, #"{"X-Auth-Token2": ***}"#),
            (#"{'admin_password':'SECRET', 'b': 1}"#, #"{'admin_password':***, 'b': 1}"#),
            (#"{u'new_pass': u'SEC\'RET', u'b': u'c'}"#, #"{u'new_pass': ***, u'b': u'c'}"#),
            (#"{'new_pass': "it's SECRET", 'token': None}"#, #"{'new_pass': ***, 'token': None}"#),
            (#"{'injected_files': [('/a', b"it's SECRET}")], 'b': 1}"#, #"{'injected_files': ***, 'b': 1}"#),
            (#"{"injected_files": ["it's SECRET"], "b": "c"}"#, #"{"injected_files": ***, "b": "c"}"#),
            (#"no JSON at all"#, #"no JSON at all"#),
        ])
    func shapes(text: String, expected: String) {
        #expect(masked(text) == expected)
    }

    @Test("has none of what stands in JSON within a string, as oslo.messaging sends it")
    func enveloped() {
        let text = #"{"oslo.message": "{\"new_pass\": \"SEC\\\"RET\", \"b\": 1}", "oslo.version": "2.0"}"#
        let expected = #"{"oslo.message": "{\"new_pass\": ***, \"b\": 1}", "oslo.version": "2.0"}"#
        #expect(masked(text) == expected)
        let cut = #"{"oslo.message": "{\"new_pass\": \"SECRET", "b": 1}"#
        #expect(masked(cut) == #"{"oslo.message": "{\"new_pass\": ***, "b": 1}"#)
    }
}
