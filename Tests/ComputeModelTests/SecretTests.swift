// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Testing

@Suite("A secret prints nowhere")
struct SecretTests {
    private let secret = Secret("hunter2")

    @Test("description, interpolation, reflection and dump show stars")
    func masked() {
        var dumped = ""
        dump(secret, to: &dumped)
        dump(["password": secret], to: &dumped)
        let texts = [
            "\(secret)", String(describing: secret), String(reflecting: secret), String(describing: Optional(secret)),
            String(describing: [secret]), dumped,
        ]
        for text in texts {
            #expect(!text.contains("hunter2"), "\(text)")
        }
        #expect("\(secret)" == "***")
        #expect(Mirror(reflecting: secret).children.isEmpty)
    }

    @Test("the value is there for who asks for it")
    func reveal() {
        #expect(secret.reveal() == "hunter2")
        #expect(secret.map(\.count).reveal() == 7)
        #expect(secret == Secret("hunter2"))
        #expect(secret != Secret("hunter3"))
    }

    @Test("a context and a fault show neither token nor arguments")
    func carriers() {
        let context = RequestContext(fields: ["request_id": "req-1", "auth_token": "hunter2"])
        #expect("\(context)" == "req-1")
        #expect(context.authToken?.reveal() == "hunter2")
        #expect(context.redacted().fields["auth_token"] == .null)
        let withCatalog = RequestContext(fields: ["service_catalog": [["endpoints": ["hunter2"]]], "roles": ["a"]])
        #expect(withCatalog.redacted().fields == ["service_catalog": [], "roles": ["a"]])
        let request = RPCRequest(
            form: .flat, method: "run_instance", version: "2.0", arguments: ["admin_password": "hunter2"],
            context: context)
        #expect("\(request)" == "run_instance 2.0")
    }
}
