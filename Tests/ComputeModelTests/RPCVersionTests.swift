// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Testing

@Suite("The rule for RPC versions is nova's")
struct RPCVersionTests {
    private let server = RPCVersion(2, 2)

    @Test(
        "majors must be equal and the minor not above the server's",
        arguments: [
            ("2.0", .compatible), ("2.2", .compatible), ("2.02", .compatible), ("2.1.7", .compatible),
            ("2.3", .incompatible), ("1.0", .incompatible), ("3.0", .incompatible), ("3", .incompatible),
            ("3.x", .incompatible), ("2", .noMinor), ("2.", .notANumber(part: "")), ("abc", .notANumber(part: "abc")),
            ("", .notANumber(part: "")), ("2.x", .notANumber(part: "x")), ("-2.0", .notANumber(part: "-2")),
            ("99999999999999999999.0", .notANumber(part: "99999999999999999999")),
        ] as [(String, RPCVersion.Verdict)])
    func verdict(version: String, verdict: RPCVersion.Verdict) {
        #expect(server.verdict(on: version) == verdict)
    }

    @Test("a version that can't be served gives a fault that names it")
    func fault() throws {
        #expect(server.fault(for: "2.1", method: "run_instance") == nil)
        let fault = try #require(server.fault(for: "3.0", method: "run_instance"))
        #expect(fault.kind == .unsupportedVersion)
        #expect(fault.arguments["version"] == "3.0")
        #expect(!fault.isRetriable)
    }
}
